<?php

declare(strict_types=1);

namespace Umoja;

/** Every exception that this package throws, except those of wrong arguments. */
abstract class UmojaException extends \RuntimeException
{
}
