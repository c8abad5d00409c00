<?php

declare(strict_types=1);

namespace Umoja;

/** What a token cannot be accepted for. The client makes an exception of its own of it. @internal */
final class Rejected extends \Exception
{
    public function __construct(public readonly string $reason)
    {
        parent::__construct($reason);
    }
}
