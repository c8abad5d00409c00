<?php

declare(strict_types=1);

namespace Umoja;

/** What sends requests: give your own for proxies and for tests. It must not follow redirections. */
interface HttpClient
{
    /**
     * @param array<string, string> $headers
     * @param string|null $content Null for GET, and otherwise the body of a POST.
     *
     * @return array{int, array<string, string>, string} the status, the headers by names in small letters, and the body
     *
     * @throws \RuntimeException if there is no answer within `timeout` seconds
     */
    public function send(string $url, array $headers, ?string $content, float $timeout): array;
}
