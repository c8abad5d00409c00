<?php

declare(strict_types=1);

namespace Umoja;

/** A company and its keys. */
final class Company
{
    /** @var callable(string): string */
    private $signer;

    /**
     * @param string $id The company's id: the `iss` of its requests.
     * @param string $kid The name of the key.
     * @param string $alg `EdDSA`, `ES256`, `RS256` or `PS256`.
     * @param callable(string): string $signer Signs bytes in the spelling of JWS: for a key in a KMS or an HSM. An ES256 signature
     *     is `r` and `s`, 64 bytes.
     */
    public function __construct(
        public readonly string $id,
        private readonly string $apiKey,
        public readonly string $kid,
        public readonly string $alg,
        callable $signer,
    ) {
        $this->signer = $signer;
    }

    /** The company of the file that `umoja company add --out FILE` writes. */
    public static function fromFile(string $path): self
    {
        $json = @file_get_contents($path);
        if ($json === false) {
            throw new \InvalidArgumentException("the company file $path cannot be read");
        }

        return self::fromArray(json_decode($json, true, flags: JSON_THROW_ON_ERROR));
    }

    /** @param array<string, string> $content of the file that `umoja company add --out FILE` writes */
    public static function fromArray(#[\SensitiveParameter] array $content): self
    {
        $signer = Signer::fromPem($content['alg'], $content['private_key_pem']);

        return new self($content['id'], $content['api_key'], $content['kid'], $content['alg'], $signer);
    }

    /** @internal */
    public function apiKey(): string
    {
        return $this->apiKey;
    }

    /** @internal */
    public function sign(string $data): string
    {
        return ($this->signer)($data);
    }

    /** @return array<string, string> without the keys */
    public function __debugInfo(): array
    {
        return ['id' => $this->id, 'kid' => $this->kid, 'alg' => $this->alg];
    }
}
