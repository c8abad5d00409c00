"""The errors that this package raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from umoja._generated import ErrorCode


class UmojaError(Exception):
    """Every error that this package raises, except those of wrong arguments."""


class ApiError(UmojaError):
    """What a region, or a proxy before it, has answered in place of a result: a problem (RFC 9457)."""

    code: ErrorCode | str | None
    """For programs; it never changes its meaning. None if something other than a region answered."""
    status: int
    """The HTTP status."""
    detail: str | None
    """What to do. It never contains a value that the caller sent."""
    field: str | None
    """The member of the body that is wrong, as a path: `set.profile`."""
    version: str | None
    """The current version of the user, if another one was expected."""
    request_id: str | None
    """The id under which the region has logged the request. Give it to the operator."""
    region: str
    """The base URL of the region."""
    retry_after: int | None
    """After how many seconds the region wants to be asked again."""
    is_signed: bool
    """Whether the region has signed the problem. If not, a proxy or an attacker can have made it."""

    def __init__(
        self,
        problem: Mapping[str, Any],
        status: int,
        *,
        region: str,
        request_id: str | None,
        retry_after: int | None,
        is_signed: bool,
    ) -> None:
        said = ": ".join(problem[name] for name in ("title", "detail") if isinstance(problem.get(name), str))
        self.code = _text(problem, "code")
        name = self.code or "without a code"
        where = f" (Request-Id {request_id})" if request_id else ""
        super().__init__(f"{status} {name}" + (f": {said}" if said else "") + where)
        self.status = status
        self.detail, self.field, self.version = (_text(problem, name) for name in ("detail", "field", "version"))
        self.region, self.request_id, self.retry_after, self.is_signed = region, request_id, retry_after, is_signed


class AnswerRejectedError(UmojaError):
    """An answer that is not the region's answer to this request, so that nothing in it can be believed."""

    reason: str
    """What is wrong with it: a claim or header member, `signature`, `malformed`, or `status`."""

    def __init__(self, reason: str, region: str) -> None:
        super().__init__(f"the answer of {region} is not accepted: {reason}")
        self.reason = reason


class WebhookRejectedError(UmojaError):
    """A webhook that is not genuine, or not of now."""

    reason: str
    """What is wrong with it: `headers`, `timestamp`, `signature`, `malformed`, or a claim or header member of the JWS."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the webhook is not accepted: {reason}")
        self.reason = reason


class NoAnswerError(UmojaError):
    """No region has answered. Whether the request was executed is not known: repeat it with the same `idk`."""

    region: str
    """The region that was asked last."""

    def __init__(self, region: str, cause: object) -> None:
        super().__init__(f"no answer of {region}: {cause}")
        self.region = region


def _text(problem: Mapping[str, Any], name: str) -> str | None:
    value = problem.get(name)
    return value if isinstance(value, str) else None
