<?php

declare(strict_types=1);

namespace Umoja;

/** What a region, or a proxy before it, has answered in place of a result: a problem (RFC 9457). */
final class ApiException extends UmojaException
{
    /** For programs: one of {@see ErrorCode}, or null if something other than a region answered. */
    public readonly ?string $errorCode;
    /** What to do. It never contains a value that the caller sent. */
    public readonly ?string $detail;
    /** The member of the body that is wrong, as a path: `set.profile`. */
    public readonly ?string $field;
    /** The current version of the user, if another one was expected. */
    public readonly ?string $version;

    /**
     * @param array<string, mixed> $problem
     * @param int $status The HTTP status.
     * @param string $region The base URL of the region.
     * @param string|null $requestId The id under which the region has logged the request. Give it to the operator.
     * @param int|null $retryAfter After how many seconds the region wants to be asked again.
     * @param bool $isSigned Whether the region has signed the problem. If not, a proxy or an attacker can have made it.
     */
    public function __construct(
        array $problem,
        public readonly int $status,
        public readonly string $region,
        public readonly ?string $requestId,
        public readonly ?int $retryAfter,
        public readonly bool $isSigned,
    ) {
        $text = static fn (string $name): ?string => is_string($problem[$name] ?? null) ? $problem[$name] : null;
        [$this->errorCode, $this->detail, $this->field, $this->version] = array_map($text, ['code', 'detail', 'field', 'version']);
        $said = implode(': ', array_filter([$text('title'), $this->detail]));
        parent::__construct("$status " . ($this->errorCode ?? 'without a code') . ($said === '' ? '' : ": $said")
            . ($requestId === null ? '' : " (Request-Id $requestId)"), $status);
    }
}
