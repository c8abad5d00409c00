<?php

declare(strict_types=1);

namespace Umoja;

/** Signs with a private key in PEM. @internal */
final class Signer
{
    /** PKCS#8 of Ed25519 from the name of the algorithm to the seed (RFC 8410 section 7). */
    private const ED25519 = "\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

    /** @return callable(string): string */
    public static function fromPem(string $alg, #[\SensitiveParameter] string $pem): callable
    {
        if ($alg === 'EdDSA') {
            $der = (string) base64_decode((string) preg_replace('/-----[^-]+-----|\s/', '', $pem));
            $at = strpos($der, self::ED25519);
            $seed = $at === false ? '' : substr($der, $at + strlen(self::ED25519), SODIUM_CRYPTO_SIGN_SEEDBYTES);
            if (strlen($seed) !== SODIUM_CRYPTO_SIGN_SEEDBYTES) {
                throw new \InvalidArgumentException('the private key is none for EdDSA');
            }
            $secret = sodium_crypto_sign_secretkey(sodium_crypto_sign_seed_keypair($seed));

            return static fn (string $data): string => sodium_crypto_sign_detached($data, $secret);
        }
        $key = openssl_pkey_get_private($pem);
        $details = $key === false ? false : openssl_pkey_get_details($key);
        if ($details === false) {
            throw new \InvalidArgumentException('the private key cannot be read');
        }

        return match (true) {
            $alg === 'ES256' && ($details['ec']['curve_name'] ?? '') === 'prime256v1' => static fn (string $data): string => self::raw(self::openssl($data, $key)),
            $alg === 'RS256' && isset($details['rsa']) => static fn (string $data): string => self::openssl($data, $key),
            $alg === 'PS256' && isset($details['rsa']) => static fn (string $data): string => self::pss($data, $key, $details['bits']),
            default => throw new \InvalidArgumentException("the private key is none for $alg"),
        };
    }

    private static function openssl(string $data, \OpenSSLAsymmetricKey $key): string
    {
        if (!openssl_sign($data, $signature, $key, OPENSSL_ALGO_SHA256)) {
            throw new \RuntimeException('openssl cannot sign with the private key');
        }

        return $signature;
    }

    /** `r` and `s` (RFC 7518 section 3.4) of a DER signature: a sequence of two integers. */
    private static function raw(string $der): string
    {
        $length = ord($der[3]);
        $parts = [substr($der, 4, $length), substr($der, 6 + $length)];

        return implode('', array_map(static fn (string $part) => str_pad(ltrim($part, "\0"), 32, "\0", STR_PAD_LEFT), $parts));
    }

    /** RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 8017 sections 8.1.1 and 9.1.1), which ext-openssl does not have yet. */
    private static function pss(string $data, \OpenSSLAsymmetricKey $key, int $bits): string
    {
        $salt = random_bytes(32);
        $hash = hash('sha256', str_repeat("\0", 8) . hash('sha256', $data, true) . $salt, true);
        $length = intdiv($bits + 6, 8);
        $block = str_repeat("\0", $length - 66) . "\x01" . $salt;
        $mask = '';
        for ($counter = 0; strlen($mask) < strlen($block); ++$counter) {
            $mask .= hash('sha256', $hash . pack('N', $counter), true);
        }
        $block ^= $mask;
        $block[0] = chr(ord($block[0]) & (0xff >> (8 * $length - $bits + 1)));
        $encoded = str_pad("$block$hash\xbc", intdiv($bits + 7, 8), "\0", STR_PAD_LEFT);
        if (!openssl_private_encrypt($encoded, $signature, $key, OPENSSL_NO_PADDING)) {
            throw new \RuntimeException('openssl cannot sign with the private key');
        }

        return $signature;
    }
}
