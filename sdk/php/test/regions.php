<?php

// The installed package at the deployment that sdk/test/deployment.py runs.

declare(strict_types=1);

use Umoja\ApiException;
use Umoja\Company;
use Umoja\ErrorCode;
use Umoja\NoAnswerException;
use Umoja\Umoja;
use Umoja\Webhook;
use Umoja\WebhookRejectedException;

require __DIR__ . '/check.php';

[$file, $control, $target] = array_map(static fn (string $name) => getenv("UMOJA_$name"), ['COMPANY', 'CONTROL', 'TARGET']);
[$first, $second] = explode(' ', getenv('UMOJA_REGIONS'));
$company = Company::fromFile($file);
$address = static fn () => 'person-' . bin2hex(random_bytes(8)) . '@example.com';
$disturb = static fn (string $what) => file_get_contents("$control/$what", false, stream_context_create(['http' => ['method' => 'POST', 'header' => "Content-Length: 0\r\nConnection: close", 'protocol_version' => 1.1]]));

run([
    'a person registers, logs in, changes the password and is found' => static function () use ($file, $first, $address): void {
        $umoja = Umoja::fromFile($file, $first);
        $email = $address();
        $registered = $umoja->register(email: $email, password: 'a long pass phrase', profile: ['name' => 'Ọlá 😀']);
        same([$registered->outcome, $registered->user->profile->name], ['created', 'Ọlá 😀']);
        $id = $registered->user->id;
        same($umoja->authenticate(email: $email, password: 'a long pass phrase')->authenticated, true);
        same($umoja->authenticate(email: $email, password: 'another')->authenticated, false);
        same($umoja->changePassword(id: $id, currentPassword: 'a long pass phrase', newPassword: 'and a longer phrase')->changed, true);
        $updated = $umoja->update(id: $id, set: ['profile' => ['name' => null, 'nickname' => 'Ọ']])->user;
        same([$updated->profile->name, $updated->profile->nickname], [null, 'Ọ']);
        same($umoja->update(id: $id, set: [])->user->id, $id);
        same([$umoja->lookup(email: $email)->user->id, array_keys($updated->accounts)], [$id, ['soko']]);
    },
    'a problem has its code and the id of the request' => static function () use ($company, $first): void {
        $error = rejected(ApiException::class, static fn () => (new Umoja($company, $first))->lookup(username: 'an-unknown-name'));
        same([$error->errorCode, $error->status, $error->isSigned, $error->region], [ErrorCode::USER_NOT_FOUND, 404, true, $first]);
        same(str_contains($error->getMessage(), $error->requestId), true);
    },
    'a wrong API key is an exception without a signature' => static function () use ($file, $first): void {
        $stranger = Company::fromArray(['api_key' => 'wrong'] + json_decode(file_get_contents($file), true));
        $error = rejected(ApiException::class, static fn () => (new Umoja($stranger, $first))->lookup(username: 'x'));
        same([$error->errorCode, $error->isSigned], ['unauthorized', false]);
    },
    'a wrong clock is corrected' => static function () use ($company, $first, $address): void {
        foreach ([-10_800, 10_800, 36] as $seconds) {
            $umoja = new Umoja($company, $first, clock: static fn () => microtime(true) + $seconds);
            $id = $umoja->register(email: $address())->user->id;
            same([$umoja->lookup(id: $id)->user->id, abs($umoja->clockOffset() + $seconds) < 3], [$id, true]);
        }
    },
    'an answer that is lost is asked for again, and nothing is done twice' => static function () use ($company, $first, $address, $disturb): void {
        [$umoja, $idk, $email] = [new Umoja($company, $first), bin2hex(random_bytes(8)), $address()];
        $disturb('lose/0');
        $registered = $umoja->register(email: $email, idk: $idk);
        $again = $umoja->register(email: $email, idk: $idk);
        same([$registered->outcome, $again->outcome, $again->user->id], ['created', 'created', $registered->user->id]);
    },
    'while a region is out the next one answers, by a token of its own' => static function () use ($company, $first, $second, $address, $disturb): void {
        $umoja = new Umoja($company, $first);
        $user = $umoja->register(email: $address())->user;
        $disturb('stop/0');
        try {
            $answer = $umoja->call('/v1/users/lookup', ['id' => $user->id, 'min_version' => $user->version]);
            same($answer->region, $second);
            same((new Umoja($company, [$first, $second]))->lookup(id: $user->id)->user->id, $user->id);
            $disturb('stop/1');
            rejected(NoAnswerException::class, static fn () => $umoja->lookup(id: $user->id));
        } finally {
            $disturb('start/0');
            $disturb('start/1');
        }
        same($umoja->lookup(id: $user->id)->user->id, $user->id);
    },
    'events come in pages, and a cursor of one region continues in another one' => static function () use ($company, $first, $second, $address): void {
        $after = time();
        $umoja = new Umoja($company, $first);
        $id = $umoja->register(email: $address())->user->id;
        $has = static fn (object $page, string $type) => array_filter($page->events, static fn ($event) => $event->subject === $id && $event->type === "umoja.user.$type") !== [];
        foreach ($umoja->events(after: $after, waitSecs: 5) as $page) {
            if ($has($page, 'registered')) {
                break;
            }
        }
        $umoja->update(id: $id, set: ['profile' => ['name' => 'Ada']]);
        foreach ((new Umoja($company, [$second]))->events(cursor: $page->cursor) as $page) {
            if ($has($page, 'profile_changed')) {
                break;
            }
        }
        foreach ($umoja->events(after: $after, limit: 1, once: true) as $page) {
            same($page->events !== [], true);
        }
    },
    'accounts at a target are asked for and waited for' => static function () use ($company, $first, $address, $target): void {
        $umoja = new Umoja($company, $first);
        $id = $umoja->register(email: $address())->user->id;
        $ticket = $umoja->provision(id: $id, targets: [$target])->provisioning->ticket;
        $accounts = $umoja->waitForProvisioning($ticket)->accounts;
        same(array_map(static fn ($account) => [$account->target, $account->state], $accounts), [[$target, 'done']]);
    },
    'webhooks are verified by the secret, and by the key of the region' => static function () use ($company, $first, $control): void {
        $secret = json_decode(file_get_contents(getenv('UMOJA_WEBHOOK')), true)['secret'];
        do {
            $context = stream_context_create(['http' => ['header' => 'Connection: close', 'protocol_version' => 1.1]]);
            $arrived = json_decode(file_get_contents("$control/webhooks", false, $context), true);
        } while ($arrived === []);
        ['headers' => $headers, 'body' => $body] = $arrived[0];
        $event = Webhook::verify($body, $headers, $secret, (int) $headers['webhook-timestamp']);
        same(str_starts_with($event->type, 'umoja.user.'), true);
        $umoja = new Umoja($company, $first);
        same($umoja->verifyWebhook($body, $headers)->id, $event->id);
        same(rejected(WebhookRejectedException::class, static fn () => $umoja->verifyWebhook("$body ", $headers))->reason, 'sha256');
    },
]);
