"""Requests and answers: compact JWS (RFC 7515) of one fixed form."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

LEEWAY = 5
"""Seconds by which clocks may differ."""
MAX_LIFETIME = 60
"""Most seconds between `iat` and `exp`."""

Sign = Callable[[bytes], bytes]
"""Signs bytes in the spelling of JWS. An ES256 signature is `r` and `s`, 64 bytes."""
AsyncSign = Callable[[bytes], "bytes | Awaitable[bytes]"]
"""The same for `AsyncUmoja`, which also waits for it."""


class Rejected(Exception):
    """What a token cannot be accepted for. The client makes an error of its own of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclasses.dataclass(frozen=True, kw_only=True)
class Company:
    """A company and its keys."""

    id: str
    """The company's id: the `iss` of its requests."""
    api_key: str = dataclasses.field(repr=False)
    kid: str
    """The name of the key."""
    alg: str
    """`EdDSA`, `ES256`, `RS256` or `PS256`."""
    sign: AsyncSign = dataclasses.field(repr=False)
    """Signs bytes with the key: for example by a KMS or an HSM."""

    @classmethod
    def from_dict(cls, content: Mapping[str, str]) -> Company:
        """A company from the content of the file that `umoja company add --out FILE` writes."""
        sign = _signer(content["alg"], content["private_key_pem"])
        return cls(id=content["id"], api_key=content["api_key"], kid=content["kid"], alg=content["alg"], sign=sign)

    @classmethod
    def from_file(cls, path: str | pathlib.Path) -> Company:
        """A company from the file that `umoja company add --out FILE` writes."""
        return cls.from_dict(json.loads(pathlib.Path(path).read_text(encoding="utf-8")))


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer that a region has signed for the request."""

    status: int
    """The HTTP status, as it was signed."""
    body: Any
    """The result of the operation."""
    region: str
    """The base URL of the region that answered."""
    request_id: str | None
    """The id under which the region has logged the request."""
    token: str
    """The signed answer itself, a compact JWS: evidence for anyone who has the region's public keys."""


@dataclasses.dataclass(frozen=True)
class Expected:
    """What an answer has to answer."""

    url: str
    company: str
    jti: str
    rqh: str
    http_status: int


def _signer(alg: str, pem: str) -> Sign:
    key = load_pem_private_key(pem.encode(), password=None)
    if alg == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if alg == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return lambda data: _raw(key.sign(data, ec.ECDSA(hashes.SHA256())))
    if alg == "RS256" and isinstance(key, rsa.RSAPrivateKey):
        return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if alg == "PS256" and isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        return lambda data: key.sign(data, pss, hashes.SHA256())
    raise ValueError(f"the private key is none for the algorithm {alg}")


def _raw(der: bytes) -> bytes:
    """`r` and `s` (RFC 7518 section 3.4)."""
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def b64url(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes | None:
    """The bytes, or None unless this is the one spelling that `b64url` gives them."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return data if b64url(data) == text else None


def sha256(data: bytes) -> str:
    """Unpadded base64url of SHA-256."""
    return b64url(hashlib.sha256(data).digest())


def signing_input(
    company: Company, *, url: str, path: str, now: int, jti: str, idk: str | None, body: Mapping[str, Any]
) -> bytes:
    """The signed part of a request: header and claims."""
    header = {"alg": company.alg, "kid": company.kid, "typ": "umoja-req+jwt"}
    claims: dict[str, Any] = {
        "iss": company.id,
        "aud": url,
        "iat": now,
        "exp": now + MAX_LIFETIME,
        "jti": jti,
        "htm": "POST",
        "htu": url + path,
        "akh": sha256(company.api_key.encode()),
    }
    if idk is not None:
        claims["idk"] = idk
    claims["body"] = body
    parts = (json.dumps(part, ensure_ascii=False, separators=(",", ":"), allow_nan=False) for part in (header, claims))
    return ".".join(b64url(part.encode()) for part in parts).encode()


def check_answer(token: str, keys: Iterable[Mapping[str, Any]], expected: Expected) -> dict[str, Any]:
    """Checks all of an answer but its times, and returns its claims."""
    claims = verify(token, "umoja-res+jwt", keys)
    if claims.keys() - {"iss", "aud", "iat", "exp", "rjti", "rqh", "status", "body"}:
        raise Rejected("malformed")
    for name, value in (("iss", expected.url), ("aud", expected.company), ("rjti", expected.jti), ("rqh", expected.rqh)):
        if claims.get(name) != value:
            raise Rejected(name)
    for name in ("iat", "exp", "status"):
        # A boolean is an integer in Python.
        if type(claims.get(name)) is not int or claims[name] < 0:
            raise Rejected(name)
    if "body" not in claims:
        raise Rejected("body")
    if claims["status"] != expected.http_status:
        raise Rejected("status")
    return claims


def check_times(claims: Mapping[str, Any], now: float) -> None:
    """Checks that an answer is of now."""
    if claims["iat"] > now + LEEWAY:
        raise Rejected("iat")
    if claims["exp"] + LEEWAY <= now or not 1 <= claims["exp"] - claims["iat"] <= MAX_LIFETIME:
        raise Rejected("exp")


def verify(token: str, typ: str, keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Checks the form of a token and its signature, and returns its claims."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Rejected("malformed")
    header, claims, signature = _object(parts[0]), _object(parts[1]), from_b64url(parts[2])
    if header is None or claims is None or signature is None or header.keys() - {"alg", "kid", "typ"}:
        raise Rejected("malformed")
    if header.get("typ") != typ:
        raise Rejected("typ")
    key = next((key for key in keys if key.get("kid") == header.get("kid")), None)
    if key is None:
        raise Rejected("kid")
    # The algorithm is that of the key. A header never chooses it (RFC 8725 section 3.1).
    if header.get("alg") != key.get("alg") or key.get("alg") != "EdDSA":
        raise Rejected("alg")
    raw = from_b64url(key["x"])
    if raw is None or len(raw) != 32:
        raise Rejected("kid")
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(signature, f"{parts[0]}.{parts[1]}".encode())
    except InvalidSignature:
        raise Rejected("signature") from None
    return claims


def _object(part: str) -> dict[str, Any] | None:
    data = from_b64url(part)
    try:
        value = None if data is None else json.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
