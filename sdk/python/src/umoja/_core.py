"""What a call does, without doing it: generators of steps, which `Umoja` and `AsyncUmoja` carry out."""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import json
import random
import secrets
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, TypeVar

from umoja._errors import AnswerRejectedError, ApiError, NoAnswerError, WebhookRejectedError
from umoja._generated import Event
from umoja._messages import Answer, Company, Expected, Rejected, b64url, check_answer, check_times, sha256, signing_input
from umoja._webhooks import verify_region_webhook

OUT = 30
"""Seconds for which a region that did not answer is asked last."""
SKEW = 2
"""Seconds of difference from which on the clock of the regions counts in place of this machine's."""
MAX_WAIT = 20
"""The longest wait that a region can ask for within a call, in seconds."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Send:
    """A step: send this, and return `Got` or raise NoAnswerError."""

    region: str
    path: str
    extra: float = 0
    """Seconds that the region may take beside the timeout."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    content: bytes | None = None
    """None for GET."""


@dataclasses.dataclass(frozen=True)
class Sleep:
    """A step: wait."""

    seconds: float


@dataclasses.dataclass(frozen=True)
class SignBytes:
    """A step: return the signature of this."""

    data: bytes


@dataclasses.dataclass(frozen=True)
class Got:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By names in small letters."""
    text: str


Steps = Generator["Send | Sleep | SignBytes", Any, T]
Keys = list[dict[str, Any]]


class Core:
    """What a client knows, and how it makes a call."""

    def __init__(self, company: Company, regions: str | Iterable[str], retries: int, clock: Callable[[], float]) -> None:
        self.company, self.retries, self.clock = company, retries, clock
        self.given = [url.rstrip("/") for url in ([regions] if isinstance(regions, str) else regions)]
        if not self.given:
            raise ValueError("give the base URL of a region")
        self.known: list[str] | None = None
        self.keys: dict[str, Keys] = {}
        self.out_until: dict[str, float] = {}
        self.offset = 0.0

    def call(self, path: str, body: Mapping[str, Any], idk: str | None) -> Steps[Answer]:
        idk = idk or secrets.token_urlsafe(16)
        last: Exception = NoAnswerError(self.given[0], "it was not asked")
        for turn in range(self.retries + 1):
            if turn > 0:
                yield self._pause(turn, last)
            for region in (yield from self._regions()):
                try:
                    return (yield from self._ask(region, path, body, idk))
                except (ApiError, NoAnswerError, AnswerRejectedError) as error:
                    if not _is_transient(error):
                        raise
                    if _is_out(error):
                        self.out_until[region] = self.clock() + OUT
                    last = error
                    # Another region has a count of its own, but not for more requests than were agreed.
                    if isinstance(error, ApiError) and error.status == 429:
                        break
        raise last

    def verify_webhook(self, body: bytes | str, headers: Mapping[str, str]) -> Steps[Event]:
        regions = yield from self._regions()

        def check(keys: Keys) -> Event:
            now, company = self.now(), self.company.id
            return verify_region_webhook(body, headers, keys=keys, company=company, regions=regions, now=now)

        return (yield from self._with_keys(regions[0], check))

    def now(self) -> int:
        return int(self.clock() + self.offset)

    def _ask(self, region: str, path: str, body: Mapping[str, Any], idk: str, again: bool = False) -> Steps[Answer]:
        """One attempt in one region; two if the clock of this machine was wrong."""
        now, jti = self.now(), secrets.token_urlsafe(16)
        data = signing_input(self.company, url=region, path=path, now=now, jti=jti, idk=idk, body=body)
        signature = yield SignBytes(data)
        token = data + b"." + b64url(signature).encode()
        extra = (body.get("wait_ms") or 0) / 1000 + (body.get("wait_secs") or 0)
        headers = {"content-type": "application/jwt", "x-api-key": self.company.api_key}
        got: Got = yield Send(region, path, extra, headers, token)
        after = got.headers.get("retry-after", "")
        request_id, retry_after = got.headers.get("request-id"), int(after) if after.isdecimal() else None

        def problem(content: Any, status: int, is_signed: bool) -> ApiError:
            members = content if isinstance(content, dict) else {}
            return ApiError(
                members, status, region=region, request_id=request_id, retry_after=retry_after, is_signed=is_signed
            )

        if not got.headers.get("content-type", "").startswith("application/jwt"):
            if got.status == 401 and not again and self._correct_by_date(got.headers.get("date", ""), now):
                return (yield from self._ask(region, path, body, idk, again=True))
            raise problem(_json(got.text), got.status, False)
        expected = Expected(region, self.company.id, jti, sha256(token), got.status)
        try:
            claims = yield from self._with_keys(region, lambda keys: check_answer(got.text, keys, expected))
            # The answer is to a request of this moment, so if its times are wrong, it is this clock that is.
            self._correct(claims["iat"] + 0.5)
            check_times(claims, self.now())
        except Rejected as error:
            raise AnswerRejectedError(error.reason, region) from None
        if claims["status"] >= 400:
            raise problem(claims["body"], claims["status"], True)
        return Answer(claims["status"], claims["body"], region, request_id, got.text)

    def _correct(self, theirs: float) -> None:
        """Takes over the regions' time if this clock differs from it by more than a request takes."""
        offset = theirs - self.clock()
        if abs(offset - self.offset) > SKEW:
            self.offset = offset

    def _correct_by_date(self, date: str, signed_at: int) -> bool:
        """Whether a request was signed for another time than the region's, which is then taken over.

        A rejected request is not answered with a signature: `Date` is a hint that one more request tries out, of a day at most. The
        clock may be right by now, because of another request.
        """
        try:
            theirs = email.utils.parsedate_to_datetime(date).timestamp() + 0.5
        except ValueError:
            return False
        if abs(theirs - self.clock()) >= 86_400 or abs(theirs - signed_at) <= SKEW:
            return False
        self._correct(theirs)
        return True

    def _regions(self) -> Steps[list[str]]:
        """The regions in the order in which they are asked."""
        if self.known is None:
            for url in self._in_order(self.given):
                try:
                    got: Got = yield Send(url, "/.well-known/umoja.json")
                    document = json.loads(got.text)
                    urls = [document["issuer"], *(region["url"] for region in document["regions"])]
                except (NoAnswerError, ValueError, KeyError, TypeError):
                    self.out_until[url] = self.clock() + OUT
                    continue
                ordered = dict.fromkeys([given for given in self.given if given in urls] + urls)
                self.known = [one for one in ordered if one.startswith("https:") or not url.startswith("https:")]
                break
        return self._in_order(self.known or self.given)

    def _in_order(self, urls: list[str]) -> list[str]:
        return sorted(urls, key=lambda url: self.out_until.get(url, 0) > self.clock())

    def _with_keys(self, region: str, check: Callable[[Keys], T]) -> Steps[T]:
        """Checks with a region's keys, which are read again if one is missing: regions change them."""
        if region in self.keys:
            with contextlib.suppress(_UnknownKey):
                return _checked(check, self.keys[region])
        got: Got = yield Send(region, "/.well-known/jwks.json")
        try:
            keys = [key for key in json.loads(got.text)["keys"] if key.get("alg") == "EdDSA"]
        except (ValueError, KeyError, TypeError) as error:
            raise NoAnswerError(region, f"its keys cannot be read: {error}") from None
        self.keys[region] = keys
        return check(keys)

    @staticmethod
    def _pause(turn: int, error: Exception) -> Sleep:
        """Waits before the next round: as long as the region wants, and some more time at random."""
        wanted = (error.retry_after or 0) if isinstance(error, ApiError) else 0
        if wanted > MAX_WAIT:
            raise error
        return Sleep(max(wanted, 0.1 * 2**turn) * (1 + random.random() / 2))


class _UnknownKey(Exception):
    """The token names a key that is not among those that were read."""


def _checked(check: Callable[[Keys], T], keys: Keys) -> T:
    try:
        return check(keys)
    except (Rejected, WebhookRejectedError) as error:
        if error.reason == "kid":
            raise _UnknownKey from None
        raise


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_transient(error: Exception) -> bool:
    """Whether the same request may succeed in another region, or in a moment."""
    if not isinstance(error, ApiError):
        return True
    if error.status >= 500:
        return error.code != "no_mail"
    return error.code in ("replayed", "rate_limited") or (not error.is_signed and error.status in (408, 429))


def _is_out(error: Exception) -> bool:
    """Whether the region is to be asked last for a while."""
    if not isinstance(error, ApiError):
        return True
    return error.status >= 500 and (not error.is_signed or error.code == "region_not_serving")
