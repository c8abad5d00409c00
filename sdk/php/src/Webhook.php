<?php

declare(strict_types=1);

namespace Umoja;

use Umoja\Types\Event;

/** Verifies webhooks. */
final class Webhook
{
    /** Seconds by which a webhook may be old, or ahead. */
    private const TOLERANCE = 300;

    /**
     * Verifies a webhook by the shared secret (Standard Webhooks), and returns its event.
     *
     * @param string $body The body as it arrived: `file_get_contents('php://input')`.
     * @param array<string, string|list<string>> $headers For example `getallheaders()`.
     * @param string|list<string> $secret The `secret` of the file that `umoja webhook add --out` wrote, or several while one replaces
     *     another.
     * @param int|null $now Unix seconds, in place of this machine's clock.
     *
     * @throws WebhookRejectedException
     */
    public static function verify(string $body, array $headers, #[\SensitiveParameter] string|array $secret, ?int $now = null): Event
    {
        [$id, $at, $signatures] = array_map(
            static fn (string $name) => self::header($headers, "webhook-$name"),
            ['id', 'timestamp', 'signature'],
        );
        if (preg_match('/^[0-9]{1,12}\z/', $at) !== 1 || abs(($now ?? time()) - (int) $at) > self::TOLERANCE) {
            throw new WebhookRejectedException('timestamp');
        }
        foreach ((array) $secret as $one) {
            $key = base64_decode(preg_replace('/^whsec_/', '', $one), true);
            if ($key === false || $key === '') {
                throw new \InvalidArgumentException('a secret is whsec_ and base64');
            }
            $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $key, true));
            foreach (explode(' ', $signatures) as $signature) {
                if (hash_equals($expected, $signature)) {
                    return self::event($body);
                }
            }
        }
        throw new WebhookRejectedException('signature');
    }

    /**
     * Verifies a webhook by the region's signature, the header `umoja-signature`, and returns its event.
     *
     * @param string $body The body as it arrived.
     * @param array<string, string|list<string>> $headers
     * @param list<array<string, mixed>> $keys The keys of `/.well-known/jwks.json`.
     * @param string $company The id of the company.
     * @param list<string> $regions The base URLs of the regions.
     *
     * @throws WebhookRejectedException
     */
    public static function verifyByRegion(
        string $body,
        array $headers,
        array $keys,
        string $company,
        array $regions,
        ?int $now = null,
    ): Event {
        [$id, $token] = [self::header($headers, 'webhook-id'), self::header($headers, 'umoja-signature')];
        try {
            $claims = Jws::verify($token, 'umoja-evt+jwt', $keys);
        } catch (Rejected $error) {
            throw new WebhookRejectedException($error->reason);
        }
        if (!in_array($claims['iss'] ?? null, $regions, true)) {
            throw new WebhookRejectedException('iss');
        }
        foreach (['aud' => $company, 'jti' => $id, 'sha256' => Jws::sha256($body)] as $name => $value) {
            if (($claims[$name] ?? null) !== $value) {
                throw new WebhookRejectedException($name);
            }
        }
        if (!is_int($claims['iat'] ?? null) || abs(($now ?? time()) - $claims['iat']) > self::TOLERANCE) {
            throw new WebhookRejectedException('iat');
        }

        return self::event($body);
    }

    /** @param array<string, string|list<string>> $headers */
    private static function header(array $headers, string $name): string
    {
        $value = array_change_key_case($headers)[$name] ?? throw new WebhookRejectedException('headers');

        return is_array($value) ? implode(' ', $value) : $value;
    }

    private static function event(string $body): Event
    {
        $event = json_decode($body, true);
        try {
            return is_array($event) ? Event::fromArray($event) : throw new WebhookRejectedException('malformed');
        } catch (\TypeError) {
            throw new WebhookRejectedException('malformed');
        }
    }
}
