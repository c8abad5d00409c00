<?php

declare(strict_types=1);

namespace Umoja;

/** Requests and answers: compact JWS (RFC 7515) of one fixed form. @internal */
final class Jws
{
    /** Seconds by which clocks may differ. */
    private const LEEWAY = 5;
    /** Most seconds between `iat` and `exp`. */
    private const MAX_LIFETIME = 60;
    private const JSON = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS
        | JSON_PRESERVE_ZERO_FRACTION;

    /** The signed part of a request: header and claims. */
    public static function signingInput(
        Company $company,
        string $url,
        string $path,
        int $now,
        string $jti,
        ?string $idk,
        object $body,
    ): string {
        $header = ['alg' => $company->alg, 'kid' => $company->kid, 'typ' => 'umoja-req+jwt'];
        $claims = [
            'iss' => $company->id,
            'aud' => $url,
            'iat' => $now,
            'exp' => $now + self::MAX_LIFETIME,
            'jti' => $jti,
            'htm' => 'POST',
            'htu' => $url . $path,
            'akh' => self::sha256($company->apiKey()),
            ...($idk === null ? [] : ['idk' => $idk]),
            'body' => $body,
        ];

        return self::encode(json_encode($header, self::JSON)) . '.' . self::encode(json_encode($claims, self::JSON));
    }

    /**
     * Checks all of an answer but its times, and returns its claims.
     *
     * @param list<array<string, mixed>> $keys
     *
     * @return array<string, mixed>
     *
     * @throws Rejected
     */
    public static function checkAnswer(
        string $token,
        array $keys,
        string $url,
        string $company,
        string $jti,
        string $rqh,
        int $httpStatus,
    ): array {
        $claims = self::verify($token, 'umoja-res+jwt', $keys);
        if (array_diff(array_keys($claims), ['iss', 'aud', 'iat', 'exp', 'rjti', 'rqh', 'status', 'body']) !== []) {
            throw new Rejected('malformed');
        }
        foreach (['iss' => $url, 'aud' => $company, 'rjti' => $jti, 'rqh' => $rqh] as $name => $value) {
            if (($claims[$name] ?? null) !== $value) {
                throw new Rejected($name);
            }
        }
        foreach (['iat', 'exp', 'status'] as $name) {
            if (!is_int($claims[$name] ?? null) || $claims[$name] < 0) {
                throw new Rejected($name);
            }
        }
        if (!array_key_exists('body', $claims)) {
            throw new Rejected('body');
        }
        if ($claims['status'] !== $httpStatus) {
            throw new Rejected('status');
        }

        return $claims;
    }

    /**
     * Checks that an answer is of now.
     *
     * @param array<string, mixed> $claims
     *
     * @throws Rejected
     */
    public static function checkTimes(array $claims, int $now): void
    {
        if ($claims['iat'] > $now + self::LEEWAY) {
            throw new Rejected('iat');
        }
        $lifetime = $claims['exp'] - $claims['iat'];
        if ($claims['exp'] + self::LEEWAY <= $now || $lifetime < 1 || $lifetime > self::MAX_LIFETIME) {
            throw new Rejected('exp');
        }
    }

    /**
     * Checks the form of a token and its signature, and returns its claims.
     *
     * @param list<array<string, mixed>> $keys
     *
     * @return array<string, mixed>
     *
     * @throws Rejected
     */
    public static function verify(string $token, string $typ, array $keys): array
    {
        $parts = explode('.', $token);
        if (count($parts) !== 3) {
            throw new Rejected('malformed');
        }
        [$header, $claims, $signature] = [self::object($parts[0]), self::object($parts[1]), self::decode($parts[2])];
        if ($header === null || $claims === null || $signature === null || array_diff(array_keys($header), ['alg', 'kid', 'typ']) !== []) {
            throw new Rejected('malformed');
        }
        if (($header['typ'] ?? null) !== $typ) {
            throw new Rejected('typ');
        }
        $key = array_values(array_filter($keys, static fn (array $key) => $key['kid'] === ($header['kid'] ?? null)))[0] ?? null;
        if ($key === null) {
            throw new Rejected('kid');
        }
        // The algorithm is that of the key. A header never chooses it (RFC 8725 section 3.1).
        if (($header['alg'] ?? null) !== $key['alg'] || $key['alg'] !== 'EdDSA') {
            throw new Rejected('alg');
        }
        $public = self::decode($key['x']) ?? '';
        if (strlen($public) !== SODIUM_CRYPTO_SIGN_PUBLICKEYBYTES) {
            throw new Rejected('kid');
        }
        if (strlen($signature) !== SODIUM_CRYPTO_SIGN_BYTES || !sodium_crypto_sign_verify_detached($signature, "$parts[0].$parts[1]", $public)) {
            throw new Rejected('signature');
        }

        return $claims;
    }

    /** base64url without padding (RFC 7515 section 2). */
    public static function encode(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }

    /** The bytes, or null unless this is the one spelling that {@see encode} gives them. */
    public static function decode(string $text): ?string
    {
        $bytes = base64_decode(strtr($text, '-_', '+/'), true);

        return $bytes !== false && self::encode($bytes) === $text ? $bytes : null;
    }

    /** Unpadded base64url of SHA-256. */
    public static function sha256(string $bytes): string
    {
        return self::encode(hash('sha256', $bytes, true));
    }

    /** @return array<string, mixed>|null */
    private static function object(string $part): ?array
    {
        $json = self::decode($part);
        if ($json === null || !str_starts_with(ltrim($json), '{')) {
            return null;
        }
        $value = json_decode($json, true, flags: JSON_BIGINT_AS_STRING);

        return is_array($value) ? $value : null;
    }
}
