<?php

// What the tests share: a check that says what differs, and a list of tests that is run to its end.

declare(strict_types=1);

require getenv('UMOJA_SDK') . '/vendor/autoload.php';

set_error_handler(static fn (int $level, string $text, string $file, int $line) => error_reporting() & $level ? throw new ErrorException($text, 0, $level, $file, $line) : false);

function same(mixed $found, mixed $expected): void
{
    if ($found !== $expected) {
        throw new Exception('found ' . var_export($found, true) . ', expected ' . var_export($expected, true));
    }
}

/** @param class-string $class */
function rejected(string $class, callable $call): object
{
    try {
        $call();
    } catch (Throwable $error) {
        same($error::class, $class);

        return $error;
    }
    throw new Exception("no $class");
}

/** @param array<string, callable(): void> $tests */
function run(array $tests): never
{
    $failed = 0;
    foreach ($tests as $name => $test) {
        try {
            $test();
        } catch (Throwable $error) {
            ++$failed;
            fwrite(STDERR, "FAILED $name: $error\n");
        }
    }
    echo count($tests), " tests, $failed failed\n";
    exit($failed === 0 ? 0 : 1);
}
