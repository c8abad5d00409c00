<?php

declare(strict_types=1);

namespace Umoja;

/** Sends by PHP's own streams, which need no extension. */
final class StreamHttpClient implements HttpClient
{
    public function send(string $url, array $headers, ?string $content, float $timeout): array
    {
        $lines = array_map(static fn (string $name, string $value) => "$name: $value", array_keys($headers), $headers);
        $http = [
            'method' => $content === null ? 'GET' : 'POST',
            'header' => ['Connection: close', ...$lines],
            'protocol_version' => 1.1,
            'timeout' => $timeout,
            'follow_location' => 0,
            'ignore_errors' => true,
        ];
        if ($content !== null) {
            $http['content'] = $content;
        }
        $stream = @fopen($url, 'rb', false, stream_context_create(['http' => $http]));
        if ($stream === false) {
            throw new \RuntimeException(error_get_last()['message'] ?? 'the connection failed');
        }
        try {
            $text = stream_get_contents($stream);
            $about = stream_get_meta_data($stream);
        } finally {
            fclose($stream);
        }
        [$status, $received] = [0, []];
        foreach ($about['wrapper_data'] as $line) {
            if (preg_match('/^HTTP\/\S+ (\d{3})/', $line, $found) === 1) {
                [$status, $received] = [(int) $found[1], []];
            } elseif (str_contains($line, ':')) {
                [$name, $value] = explode(':', $line, 2);
                $received[strtolower($name)] = trim($value);
            }
        }
        $length = $received['content-length'] ?? null;
        if ($text === false || $about['timed_out'] || ($length !== null && strlen($text) < (int) $length)) {
            throw new \RuntimeException('the answer did not arrive whole');
        }

        return [$status, $received, $text];
    }
}
