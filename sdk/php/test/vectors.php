<?php

// The vectors of sdk/vectors, for the installed package.

declare(strict_types=1);

use Umoja\Company;
use Umoja\Jws;
use Umoja\Rejected;
use Umoja\Webhook;
use Umoja\WebhookRejectedException;

require __DIR__ . '/check.php';

$read = static fn (string $name) => json_decode(file_get_contents(__DIR__ . "/../../vectors/$name.json"), flags: JSON_THROW_ON_ERROR);
$array = static fn (object $value) => json_decode(json_encode($value), true);
$tests = [];

$requests = $read('requests');
foreach ($requests->cases as $case) {
    $tests["request: $case->name"] = static function () use ($requests, $case): void {
        $company = Company::fromArray((array) $requests->keys->{$case->key});
        $input = Jws::signingInput($company, $case->url, $case->path, $case->now, $case->jti, $case->idk ?? null, $case->body);
        same($input, $case->signing_input);
        $signature = $company->sign($input);
        $token = "$input." . Jws::encode($signature);
        if ($case->token !== null) {
            same([$token, Jws::sha256($token)], [$case->token, $case->rqh]);

            return;
        }
        // By the program, because this package has written the encodings of ES256 and PS256 itself.
        $folder = sys_get_temp_dir() . '/umoja-' . bin2hex(random_bytes(8));
        mkdir($folder);
        $options = '-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32';
        if ($case->key === 'ES256') {
            $integer = static fn (string $half) => (ord(ltrim($half, "\0")[0]) > 127 ? "\0" : '') . ltrim($half, "\0");
            [$r, $s] = array_map($integer, str_split($signature, 32));
            $parts = "\x02" . chr(strlen($r)) . $r . "\x02" . chr(strlen($s)) . $s;
            [$signature, $options] = ["\x30" . chr(strlen($parts)) . $parts, ''];
        }
        file_put_contents("$folder/key", $requests->public_keys->{$case->key});
        file_put_contents("$folder/signature", $signature);
        file_put_contents("$folder/input", $input);
        exec("cd $folder && openssl dgst -sha256 $options -verify key -signature signature input", $said, $code);
        exec("rm -r $folder");
        same([$said, $code], [['Verified OK'], 0]);
    };
}

$answers = $read('answers');
foreach ($answers->cases as $case) {
    $tests["answer: $case->name"] = static function () use ($answers, $case, $array): void {
        $request = $answers->request;
        $check = static function () use ($answers, $case, $request, $array): array {
            $claims = Jws::checkAnswer($case->answer, $array($answers->jwks)['keys'], $request->url, $request->company, $request->jti, $request->rqh, $case->http_status);
            Jws::checkTimes($claims, $case->now);

            return $claims;
        };
        if (isset($case->claims)) {
            $expected = $array($case->claims);
            $claims = $check();
            ksort($claims);
            ksort($expected);
            same($claims, $expected);
        } else {
            same(rejected(Rejected::class, $check)->reason, $case->rejected);
        }
    };
}

$webhooks = $read('webhooks');
$expect = static function (object $case, callable $verify): void {
    if ($case->rejected === null) {
        $event = $verify();
        same([$event->type, $event->data->changed], ['umoja.user.profile_changed', ['profile.given_name']]);
    } else {
        same(rejected(WebhookRejectedException::class, $verify)->reason, $case->rejected);
    }
};
foreach ($webhooks->cases as $case) {
    $tests["webhook: $case->name"] = static fn () => $expect($case, static fn () => Webhook::verify($case->body, (array) $case->headers, $webhooks->secret, $case->now));
}
$region = $webhooks->signed_by_region;
foreach ($region->cases as $case) {
    $tests["webhook by a region: $case->name"] = static fn () => $expect(
        $case,
        static fn () => Webhook::verifyByRegion($case->body, (array) $case->headers, $array($region->jwks)['keys'], $region->company, $region->regions, $case->now),
    );
}
run($tests);
