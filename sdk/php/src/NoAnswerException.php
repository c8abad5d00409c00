<?php

declare(strict_types=1);

namespace Umoja;

/** No region has answered. Whether the request was executed is not known: repeat it with the same `idk`. */
final class NoAnswerException extends UmojaException
{
    /** @param string $region The region that was asked last. */
    public function __construct(public readonly string $region, string $cause)
    {
        parent::__construct("no answer of $region: $cause");
    }
}
