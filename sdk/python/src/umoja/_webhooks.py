"""Webhooks: by the shared secret (Standard Webhooks), or by the region's signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from umoja._decode import decode
from umoja._errors import WebhookRejectedError
from umoja._generated import Event
from umoja._messages import Rejected, sha256, verify

TOLERANCE = 300
"""Seconds by which a webhook may be old, or ahead."""


def verify_webhook(
    body: bytes | str, headers: Mapping[str, str], secret: str | Iterable[str], *, now: float | None = None
) -> Event:
    """Verify a webhook by the shared secret, and return its event.

    body: The body as it arrived, because the signature covers its bytes.

    secret: The `secret` of the file that `umoja webhook add --out` wrote, or several while one replaces another.

    now: Unix seconds, in place of this machine's clock.

    Raises WebhookRejectedError.
    """
    message, at, signatures = (_header(headers, f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    _check_timestamp(at, now)
    content = body.encode() if isinstance(body, str) else body
    found = [signature.encode() for signature in signatures.split(" ") if signature.startswith("v1,")]
    for one in [secret] if isinstance(secret, str) else secret:
        try:
            key = base64.b64decode(one.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("a secret is whsec_ and base64") from None
        mac = hmac.digest(key, f"{message}.{at}.".encode() + content, hashlib.sha256)
        expected = b"v1," + base64.b64encode(mac)
        if any(hmac.compare_digest(expected, signature) for signature in found):
            return _event(content)
    raise WebhookRejectedError("signature")


def verify_region_webhook(
    body: bytes | str,
    headers: Mapping[str, str],
    *,
    keys: Iterable[Mapping[str, Any]],
    company: str,
    regions: Iterable[str],
    now: float | None = None,
) -> Event:
    """Verify a webhook by the region's signature, the header `umoja-signature`, and return its event.

    keys: The keys of `/.well-known/jwks.json`.

    company: The id of the company.

    regions: The base URLs of the regions.

    Raises WebhookRejectedError.
    """
    message, token = _header(headers, "webhook-id"), _header(headers, "umoja-signature")
    content = body.encode() if isinstance(body, str) else body
    try:
        claims = verify(token, "umoja-evt+jwt", keys)
    except Rejected as error:
        raise WebhookRejectedError(error.reason) from None
    if claims.get("iss") not in list(regions):
        raise WebhookRejectedError("iss")
    for name, value in (("aud", company), ("jti", message), ("sha256", sha256(content))):
        if claims.get(name) != value:
            raise WebhookRejectedError(name)
    at = claims.get("iat")
    if type(at) is not int or abs((time.time() if now is None else now) - at) > TOLERANCE:
        raise WebhookRejectedError("iat")
    return _event(content)


def _check_timestamp(at: str, now: float | None) -> None:
    is_number = re.fullmatch(r"[0-9]{1,12}", at)
    if not is_number or abs((time.time() if now is None else now) - int(at)) > TOLERANCE:
        raise WebhookRejectedError("timestamp")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if value is None:
        value = next((value for key, value in headers.items() if key.lower() == name), None)
    if value is None:
        raise WebhookRejectedError("headers")
    return value


def _event(content: bytes) -> Event:
    try:
        return decode(Event, json.loads(content))
    except ValueError:
        raise WebhookRejectedError("malformed") from None
