<?php

declare(strict_types=1);

namespace Umoja;

/** An answer that a region has signed for the request. */
final class Answer
{
    /**
     * @param int $status The HTTP status, as it was signed.
     * @param mixed $body The result of the operation.
     * @param string $region The base URL of the region that answered.
     * @param string|null $requestId The id under which the region has logged the request.
     * @param string $token The signed answer itself, a compact JWS: evidence for anyone who has the region's public keys.
     */
    public function __construct(
        public readonly int $status,
        public readonly mixed $body,
        public readonly string $region,
        public readonly ?string $requestId,
        public readonly string $token,
    ) {
    }
}
