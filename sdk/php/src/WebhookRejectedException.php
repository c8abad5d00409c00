<?php

declare(strict_types=1);

namespace Umoja;

/** A webhook that is not genuine, or not of now. */
final class WebhookRejectedException extends UmojaException
{
    /** @param string $reason `headers`, `timestamp`, `signature`, `malformed`, or a claim or header member of the JWS. */
    public function __construct(public readonly string $reason)
    {
        parent::__construct("the webhook is not accepted: $reason");
    }
}
