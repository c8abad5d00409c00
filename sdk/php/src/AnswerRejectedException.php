<?php

declare(strict_types=1);

namespace Umoja;

/** An answer that is not the region's answer to this request, so that nothing in it can be believed. */
final class AnswerRejectedException extends UmojaException
{
    /** @param string $reason A claim or header member, `signature`, `malformed`, or `status`. */
    public function __construct(public readonly string $reason, string $region)
    {
        parent::__construct("the answer of $region is not accepted: $reason");
    }
}
