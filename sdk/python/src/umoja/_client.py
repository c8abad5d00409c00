"""The clients."""

from __future__ import annotations

import asyncio
import inspect
import pathlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import httpx

from umoja._core import Core, Got, Send, SignBytes, Sleep, Steps
from umoja._errors import NoAnswerError
from umoja._generated import AsyncOperations, Event, Events, Operations, Provisioning
from umoja._messages import Answer, Company

T = TypeVar("T")

VERSION = "0.1.0"

_ARGUMENTS = """
    company: The company and its keys: `Company.from_file`, or with a signer of your own.

    regions: Base URLs of regions, the nearest first. One is enough while it answers: the first that does names the others. Give
    two, so that a client can also start while a region is out.

    retries: How often the regions are asked again after none of them could answer.

    timeout: Seconds to wait for one answer, beside what `wait_ms` and `wait_secs` ask for.

    http: The HTTP client, for proxies and for your own tests. Redirections are not followed.

    clock: Seconds since 1970 by this machine's clock.
"""


class Umoja(Operations):
    __doc__ = f"""A client of all regions of a deployment. Make one for each process; threads may share it.
{_ARGUMENTS}"""

    def __init__(
        self,
        company: Company,
        regions: str | Iterable[str],
        *,
        retries: int = 2,
        timeout: float = 10,
        http: httpx.Client | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._core, self._timeout, self._http = Core(company, regions, retries, clock), timeout, http or httpx.Client()

    @classmethod
    def from_file(cls, path: str | pathlib.Path, regions: str | Iterable[str], **options: Any) -> Umoja:
        """A client with the keys of a file that `umoja company add --out FILE` wrote."""
        return cls(Company.from_file(path), regions, **options)

    @property
    def clock_offset(self) -> float:
        """Seconds by which the regions' clock is ahead of this machine's, as far as it is known."""
        return self._core.offset

    def call(self, path: str, body: Mapping[str, Any], *, idk: str | None = None) -> Answer:
        """Call the operation at a path, and return its verified answer.

        What fails for a moment is repeated with the same `idk` and a new token, in the next region first.

        Raises ApiError if the answer is a problem, NoAnswerError if no region answered, and AnswerRejectedError if what answered is
        not the region.
        """
        return self._run(self._core.call(path, body, idk))

    def events(
        self,
        *,
        cursor: str | None = None,
        after: int | None = None,
        limit: int | None = None,
        wait_secs: int = 20,
        once: bool = False,
    ) -> Iterator[Events]:
        """Pages of events, for ever, or with `once` until no event is left.

        Store `cursor` of a page in the transaction of what its events did, and begin with it after a restart: then no event is lost
        or done twice. Raises ApiError with the code `cursor_expired` if events after the cursor were deleted.
        """
        wait = 0 if once else wait_secs
        while True:
            page = self.list_events(cursor=cursor, after=None if cursor else after, limit=limit, wait_secs=wait)
            if page.events:
                yield page
            elif once and not page.more:
                return
            cursor = page.cursor

    def wait_for_provisioning(self, ticket: str, seconds: float = 60) -> Provisioning:
        """Wait until no account of a ticket is pending, or the time has passed, and return how far they are."""
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, min(10.0, end - time.monotonic()))
            state = self.provisioning_status(ticket=ticket, wait_ms=int(left * 1000))
            if left == 0 or not any(account.state == "pending" for account in state.accounts):
                return state

    def verify_webhook(self, body: bytes | str, headers: Mapping[str, str]) -> Event:
        """Verify the signature that a region gives its webhooks (`umoja-signature`), which needs no shared secret.

        Raises WebhookRejectedError.
        """
        return self._run(self._core.verify_webhook(body, headers))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Umoja:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        result: Any = None
        try:
            step = next(steps)
            while True:
                try:
                    result = self._do(step)
                except NoAnswerError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    def _do(self, step: Send | Sleep | SignBytes) -> Any:
        match step:
            case Sleep():
                time.sleep(step.seconds)
                return None
            case SignBytes():
                signature = self._core.company.sign(step.data)
                if inspect.isawaitable(signature):
                    raise TypeError("a signer that has to be awaited needs AsyncUmoja")
                return signature
            case Send():
                request = _request(self._http, step, self._timeout)
                try:
                    return _got(self._http.send(request, follow_redirects=False))
                except httpx.HTTPError as error:
                    raise NoAnswerError(step.region, repr(error)) from error


class AsyncUmoja(AsyncOperations):
    __doc__ = f"""A client of all regions of a deployment, for asyncio. Make one for each event loop; tasks may share it.
{_ARGUMENTS}"""

    def __init__(
        self,
        company: Company,
        regions: str | Iterable[str],
        *,
        retries: int = 2,
        timeout: float = 10,
        http: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._core, self._timeout, self._http = Core(company, regions, retries, clock), timeout, http or httpx.AsyncClient()

    @classmethod
    def from_file(cls, path: str | pathlib.Path, regions: str | Iterable[str], **options: Any) -> AsyncUmoja:
        """A client with the keys of a file that `umoja company add --out FILE` wrote."""
        return cls(Company.from_file(path), regions, **options)

    @property
    def clock_offset(self) -> float:
        """Seconds by which the regions' clock is ahead of this machine's, as far as it is known."""
        return self._core.offset

    async def call(self, path: str, body: Mapping[str, Any], *, idk: str | None = None) -> Answer:
        """Call the operation at a path, and return its verified answer: see `Umoja.call`."""
        return await self._run(self._core.call(path, body, idk))

    async def events(
        self,
        *,
        cursor: str | None = None,
        after: int | None = None,
        limit: int | None = None,
        wait_secs: int = 20,
        once: bool = False,
    ) -> AsyncIterator[Events]:
        """Pages of events, for ever, or with `once` until no event is left: see `Umoja.events`."""
        wait = 0 if once else wait_secs
        while True:
            page = await self.list_events(cursor=cursor, after=None if cursor else after, limit=limit, wait_secs=wait)
            if page.events:
                yield page
            elif once and not page.more:
                return
            cursor = page.cursor

    async def wait_for_provisioning(self, ticket: str, seconds: float = 60) -> Provisioning:
        """Wait until no account of a ticket is pending, or the time has passed, and return how far they are."""
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, min(10.0, end - time.monotonic()))
            state = await self.provisioning_status(ticket=ticket, wait_ms=int(left * 1000))
            if left == 0 or not any(account.state == "pending" for account in state.accounts):
                return state

    async def verify_webhook(self, body: bytes | str, headers: Mapping[str, str]) -> Event:
        """Verify the signature that a region gives its webhooks: see `Umoja.verify_webhook`."""
        return await self._run(self._core.verify_webhook(body, headers))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncUmoja:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self, steps: Steps[T]) -> T:
        result: Any = None
        try:
            step = next(steps)
            while True:
                try:
                    result = await self._do(step)
                except NoAnswerError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    async def _do(self, step: Send | Sleep | SignBytes) -> Any:
        match step:
            case Sleep():
                await asyncio.sleep(step.seconds)
                return None
            case SignBytes():
                signature = self._core.company.sign(step.data)
                return await signature if inspect.isawaitable(signature) else signature
            case Send():
                request = _request(self._http, step, self._timeout)
                try:
                    return _got(await self._http.send(request, follow_redirects=False))
                except httpx.HTTPError as error:
                    raise NoAnswerError(step.region, repr(error)) from error


def _request(http: httpx.Client | httpx.AsyncClient, step: Send, timeout: float) -> httpx.Request:
    method, url = "GET" if step.content is None else "POST", step.region + step.path
    return http.build_request(
        method, url, headers={"user-agent": f"umoja-python/{VERSION}", **step.headers}, content=step.content, timeout=timeout + step.extra
    )


def _got(response: httpx.Response) -> Got:
    return Got(response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.text)
