<?php

declare(strict_types=1);

namespace Umoja;

use Umoja\Types\Event;
use Umoja\Types\Events;
use Umoja\Types\Provisioning;

/** A client of all regions of a deployment. */
final class Umoja extends Operations
{
    public const VERSION = '0.1.0';
    /** Seconds for which a region that did not answer is asked last. */
    private const OUT = 30;
    /** Seconds of difference from which on the clock of the regions counts in place of this machine's. */
    private const SKEW = 2;
    /** The longest wait that a region can ask for within a call, in seconds. */
    private const MAX_WAIT = 20;

    /** @var list<string> */
    private readonly array $given;
    /** @var list<string>|null */
    private ?array $known = null;
    /** @var array<string, list<array<string, mixed>>> */
    private array $keys = [];
    /** @var array<string, float> */
    private array $outUntil = [];
    private float $offset = 0.0;
    /** @var callable(): float */
    private $clock;

    /**
     * @param string|list<string> $regions Base URLs of regions, the nearest first. One is enough while it answers: the first that does
     *     names the others. Give two, so that a client can also start while a region is out.
     * @param int $retries How often the regions are asked again after none of them could answer.
     * @param float $timeout Seconds to wait for one answer, beside what `waitMs` and `waitSecs` ask for.
     * @param (callable(): float)|null $clock Seconds since 1970 by this machine's clock.
     */
    public function __construct(
        private readonly Company $company,
        string|array $regions,
        private readonly int $retries = 2,
        private readonly float $timeout = 10,
        private readonly HttpClient $http = new StreamHttpClient(),
        ?callable $clock = null,
    ) {
        $this->given = array_map(static fn (string $url) => rtrim($url, '/'), array_values((array) $regions));
        if ($this->given === []) {
            throw new \InvalidArgumentException('give the base URL of a region');
        }
        $this->clock = $clock ?? static fn (): float => microtime(true);
    }

    /**
     * A client with the keys of a file that `umoja company add --out FILE` wrote.
     *
     * @param string|list<string> $regions
     */
    public static function fromFile(string $path, string|array $regions): self
    {
        return new self(Company::fromFile($path), $regions);
    }

    /** Seconds by which the regions' clock is ahead of this machine's, as far as it is known. */
    public function clockOffset(): float
    {
        return $this->offset;
    }

    /**
     * Calls the operation at a path, and returns its verified answer. What fails for a moment is repeated with the same `idk` and a new
     * token, in the next region first.
     *
     * @param array<string, mixed> $body
     *
     * @throws ApiException if the answer is a problem
     * @throws NoAnswerException if no region answered
     * @throws AnswerRejectedException if what answered is not the region
     */
    public function call(string $path, array $body, ?string $idk = null): Answer
    {
        $idk ??= self::random();
        $last = new NoAnswerException($this->given[0], 'it was not asked');
        for ($round = 0; $round <= $this->retries; ++$round) {
            if ($round > 0) {
                $this->pause($round, $last);
            }
            foreach ($this->regions() as $region) {
                try {
                    return $this->ask($region, $path, $body, $idk);
                } catch (UmojaException $error) {
                    if (!self::isTransient($error)) {
                        throw $error;
                    }
                    if (self::isOut($error)) {
                        $this->outUntil[$region] = ($this->clock)() + self::OUT;
                    }
                    $last = $error;
                    // Another region has a count of its own, but not for more requests than were agreed.
                    if ($error instanceof ApiException && $error->status === 429) {
                        break;
                    }
                }
            }
        }
        throw $last;
    }

    /**
     * Pages of events, for ever, or with `once` until no event is left.
     *
     * Store `cursor` of a page in the transaction of what its events did, and begin with it after a restart: then no event is lost or
     * done twice.
     *
     * @return \Generator<int, Events>
     *
     * @throws ApiException with the code `cursor_expired` if events after the cursor were deleted
     */
    public function events(
        ?string $cursor = null,
        ?int $after = null,
        ?int $limit = null,
        int $waitSecs = 20,
        bool $once = false,
    ): \Generator {
        while (true) {
            $page = $this->listEvents($cursor, $cursor === null ? $after : null, $limit, $once ? 0 : $waitSecs);
            if ($page->events !== []) {
                yield $page;
            } elseif ($once && !$page->more) {
                return;
            }
            $cursor = $page->cursor;
        }
    }

    /** Waits until no account of a ticket is pending, or `seconds` have passed, and returns how far they are. */
    public function waitForProvisioning(string $ticket, float $seconds = 60): Provisioning
    {
        $end = microtime(true) + $seconds;
        while (true) {
            $left = max(0.0, min(10.0, $end - microtime(true)));
            $state = $this->provisioningStatus($ticket, (int) ($left * 1000));
            $pending = array_filter($state->accounts, static fn ($account) => $account->state === 'pending');
            if ($left === 0.0 || $pending === []) {
                return $state;
            }
        }
    }

    /**
     * Verifies the signature that a region gives its webhooks (`umoja-signature`), which needs no shared secret.
     *
     * @param string $body The body as it arrived.
     * @param array<string, string|list<string>> $headers
     *
     * @throws WebhookRejectedException
     */
    public function verifyWebhook(string $body, array $headers): Event
    {
        $regions = $this->regions();

        return $this->withKeys($regions[0], fn (array $keys) => Webhook::verifyByRegion($body, $headers, $keys, $this->company->id, $regions, $this->now()));
    }

    private function now(): int
    {
        return (int) floor(($this->clock)() + $this->offset);
    }

    private static function random(): string
    {
        return Jws::encode(random_bytes(16));
    }

    /**
     * One attempt in one region; two if the clock of this machine was wrong.
     *
     * @param array<string, mixed> $body
     */
    private function ask(string $region, string $path, array $body, string $idk, bool $again = false): Answer
    {
        [$now, $jti] = [$this->now(), self::random()];
        $data = Jws::signingInput($this->company, $region, $path, $now, $jti, $idk, (object) $body);
        $token = "$data." . Jws::encode($this->company->sign($data));
        $headers = ['Content-Type' => 'application/jwt', 'x-api-key' => $this->company->apiKey()];
        $extra = ($body['wait_ms'] ?? 0) / 1000 + ($body['wait_secs'] ?? 0);
        [$status, $received, $text] = $this->send($region, $path, $headers, $token, $extra);
        $requestId = $received['request-id'] ?? null;
        $retryAfter = ctype_digit($received['retry-after'] ?? '') ? (int) $received['retry-after'] : null;
        if (!str_starts_with($received['content-type'] ?? '', 'application/jwt')) {
            if ($status === 401 && !$again && $this->correctByDate($received['date'] ?? '', $now)) {
                return $this->ask($region, $path, $body, $idk, true);
            }
            $problem = json_decode($text, true);
            throw new ApiException(is_array($problem) ? $problem : [], $status, $region, $requestId, $retryAfter, false);
        }
        $check = fn (array $keys) => Jws::checkAnswer($text, $keys, $region, $this->company->id, $jti, Jws::sha256($token), $status);
        try {
            $claims = $this->withKeys($region, $check);
            // The answer is to a request of this moment, so if its times are wrong, it is this clock that is.
            $this->correct($claims['iat'] + 0.5);
            Jws::checkTimes($claims, $this->now());
        } catch (Rejected $error) {
            throw new AnswerRejectedException($error->reason, $region);
        }
        if ($status >= 400) {
            throw new ApiException((array) $claims['body'], $status, $region, $requestId, $retryAfter, true);
        }

        return new Answer($status, $claims['body'], $region, $requestId, $text);
    }

    /** Takes over the regions' time if this clock differs from it by more than a request takes. */
    private function correct(float $theirs): void
    {
        $offset = $theirs - ($this->clock)();
        if (abs($offset - $this->offset) > self::SKEW) {
            $this->offset = $offset;
        }
    }

    /**
     * Whether a request was signed for another time than the region's, which is then taken over. A rejected request is not answered with
     * a signature: `Date` is a hint that one more request tries out, of a day at most.
     */
    private function correctByDate(string $date, int $signedAt): bool
    {
        $theirs = strtotime($date);
        if ($theirs === false || abs($theirs - ($this->clock)()) >= 86_400 || abs($theirs + 0.5 - $signedAt) <= self::SKEW) {
            return false;
        }
        $this->correct($theirs + 0.5);

        return true;
    }

    /** @return list<string> the regions in the order in which they are asked */
    private function regions(): array
    {
        foreach ($this->known === null ? $this->inOrder($this->given) : [] as $url) {
            try {
                $document = json_decode($this->send($url, '/.well-known/umoja.json')[2], true, flags: JSON_THROW_ON_ERROR);
            } catch (NoAnswerException|\JsonException) {
                $this->outUntil[$url] = ($this->clock)() + self::OUT;
                continue;
            }
            $urls = [$document['issuer'], ...array_column($document['regions'], 'url')];
            $ordered = array_unique([...array_intersect($this->given, $urls), ...$urls]);
            $isSafe = static fn (string $one) => str_starts_with($one, 'https:') || !str_starts_with($url, 'https:');
            $this->known = array_values(array_filter($ordered, $isSafe));
            break;
        }

        return $this->inOrder($this->known ?? $this->given);
    }

    /**
     * @param list<string> $urls
     *
     * @return list<string>
     */
    private function inOrder(array $urls): array
    {
        $isOut = fn (string $url) => (int) (($this->outUntil[$url] ?? 0) > ($this->clock)());
        usort($urls, static fn (string $a, string $b) => $isOut($a) <=> $isOut($b));

        return $urls;
    }

    /**
     * Checks with a region's keys, which are read again if one is missing: regions change them.
     *
     * @template T
     *
     * @param callable(list<array<string, mixed>>): T $check
     *
     * @return T
     */
    private function withKeys(string $region, callable $check): mixed
    {
        if (isset($this->keys[$region])) {
            try {
                return $check($this->keys[$region]);
            } catch (Rejected|WebhookRejectedException $error) {
                if ($error->reason !== 'kid') {
                    throw $error;
                }
            }
        }
        $document = json_decode($this->send($region, '/.well-known/jwks.json')[2], true);
        if (!is_array($document['keys'] ?? null)) {
            throw new NoAnswerException($region, 'its keys cannot be read');
        }
        $this->keys[$region] = array_values(array_filter($document['keys'], static fn (array $key) => ($key['alg'] ?? null) === 'EdDSA'));

        return $check($this->keys[$region]);
    }

    /**
     * @param array<string, string> $headers
     *
     * @return array{int, array<string, string>, string}
     */
    private function send(string $region, string $path, array $headers = [], ?string $content = null, float $extra = 0): array
    {
        $headers['User-Agent'] = 'umoja-php/' . self::VERSION;
        try {
            return $this->http->send($region . $path, $headers, $content, $this->timeout + $extra);
        } catch (\RuntimeException $error) {
            throw new NoAnswerException($region, $error->getMessage());
        }
    }

    /** Waits before the next round: as long as the region wants, and some more time at random. */
    private function pause(int $round, UmojaException $error): void
    {
        $wanted = $error instanceof ApiException ? ($error->retryAfter ?? 0) : 0;
        if ($wanted > self::MAX_WAIT) {
            throw $error;
        }
        usleep((int) (max($wanted, 0.1 * 2 ** $round) * random_int(1_000_000, 1_500_000)));
    }

    /** Whether the same request may succeed in another region, or in a moment. */
    private static function isTransient(UmojaException $error): bool
    {
        if (!$error instanceof ApiException) {
            return true;
        }
        if ($error->status >= 500) {
            return $error->errorCode !== ErrorCode::NO_MAIL;
        }

        return in_array($error->errorCode, [ErrorCode::REPLAYED, ErrorCode::RATE_LIMITED], true)
            || (!$error->isSigned && in_array($error->status, [408, 429], true));
    }

    /** Whether the region is to be asked last for a while. */
    private static function isOut(UmojaException $error): bool
    {
        return !$error instanceof ApiException
            || ($error->status >= 500 && (!$error->isSigned || $error->errorCode === ErrorCode::REGION_NOT_SERVING));
    }
}
