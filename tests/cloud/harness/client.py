"""A company's backend: signs requests, sends them through API Gateway, and accepts only signed answers."""

import base64
import hashlib
import http.client
import json
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .progress import HANG, Failed


def b64url(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """Decodes base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value: dict) -> str:
    """One part of a compact JWS."""
    return b64url(json.dumps(value, separators=(",", ":")).encode())


@dataclass(frozen=True)
class Answer:
    """A verified answer."""

    status: int
    body: dict
    seconds: float

    @property
    def code(self) -> str:
        """The code, if the answer is a problem."""
        return self.body.get("code", "")


class Gateway:
    """A region's API as API Gateway serves it on the emulator's port, selected by the Host header."""

    def __init__(self, base_url: str, port: int) -> None:
        self.base_url = base_url
        self._host = urlsplit(base_url).netloc
        self._port = port
        self._local = threading.local()
        self._keys: dict[str, dict] = {}

    def request(self, method: str, path: str, body: str | None = None, headers: dict | None = None):
        """Status, media type and text of an answer."""
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=HANG)
            try:
                connection.request(method, path, body, {"Host": self._host} | (headers or {}))
                answer = connection.getresponse()
                return answer.status, answer.getheader("content-type", ""), answer.read().decode(errors="replace")
            except (http.client.HTTPException, ConnectionError):
                # A kept connection was closed meanwhile.
                connection.close()
                self._local.connection = None
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def key(self, kid: str) -> dict:
        """A key of the region's JWKS."""
        if kid not in self._keys:
            status, _, text = self.request("GET", "/.well-known/jwks.json")
            if status != 200:
                raise Failed(f"{self.base_url} shows no keys: {status} {text[:300]}")
            self._keys = {key["kid"]: key for key in json.loads(text)["keys"]}
        if kid not in self._keys:
            raise Failed(f"{self.base_url} signed with a key that it does not publish")
        return self._keys[kid]


class Company:
    """A company with its keys, as `umoja company add --out` writes them."""

    def __init__(self, file: Path) -> None:
        held = json.loads(file.read_text())
        self.id, self._api_key, self._kid, self._alg = (held[name] for name in ("id", "api_key", "kid", "alg"))
        self._private_key = load_pem_private_key(held["private_key_pem"].encode(), password=None)

    def sign(self, gateway: Gateway, path: str, body: dict, idempotency_key: str | None = None) -> tuple[str, str]:
        """The token of a request, and its `jti`."""
        now, jti = int(time.time()), secrets.token_urlsafe(16)
        claims = {
            "iss": self.id, "aud": gateway.base_url, "iat": now, "exp": now + 60, "jti": jti, "htm": "POST",
            "htu": gateway.base_url + path, "akh": b64url(hashlib.sha256(self._api_key.encode()).digest()),
            "body": body,
        }
        if idempotency_key:
            claims["idk"] = idempotency_key
        signed = compact({"alg": self._alg, "kid": self._kid, "typ": "umoja-req+jwt"}) + "." + compact(claims)
        return signed + "." + b64url(self._private_key.sign(signed.encode())), jti

    def send(self, gateway: Gateway, path: str, token: str):
        """Sends a token unchanged."""
        return gateway.request("POST", path, token, {"Content-Type": "application/jwt", "x-api-key": self._api_key})

    def ask(self, gateway: Gateway, operation: str, body: dict, idempotency_key: str | None = None) -> Answer:
        """Sends a request and returns its verified answer, whatever its status."""
        path = f"/v1/{operation}" if operation.startswith("events/") else f"/v1/users/{operation}"
        token, jti = self.sign(gateway, path, body, idempotency_key)
        begin = time.monotonic()
        status, media_type, text = self.send(gateway, path, token)
        seconds = time.monotonic() - begin
        if not media_type.startswith("application/jwt"):
            raise Failed(f"{operation} got an unsigned answer: {status} {text[:400]}")
        return Answer(status, self._check(gateway, jti, token, status, text), seconds)

    def _check(self, gateway: Gateway, jti: str, token: str, status: int, answer: str) -> dict:
        header_part, claims_part, signature = answer.split(".")
        header, claims = json.loads(unb64url(header_part)), json.loads(unb64url(claims_part))
        key = gateway.key(header["kid"])
        try:
            public = Ed25519PublicKey.from_public_bytes(unb64url(key["x"]))
            public.verify(unb64url(signature), f"{header_part}.{claims_part}".encode())
        except InvalidSignature as error:
            raise Failed("an answer's signature is wrong") from error
        is_ours = (
            header["typ"] == "umoja-res+jwt" and claims["iss"] == gateway.base_url and claims["aud"] == self.id
            and claims["rjti"] == jti and claims["rqh"] == b64url(hashlib.sha256(token.encode()).digest())
            and claims["status"] == status and claims["iat"] - 5 <= time.time() < claims["exp"] + 5
        )
        if not is_ours:
            raise Failed("an answer belongs to another request")
        return claims["body"]

    def call(self, gateway: Gateway, operation: str, body: dict, status: int, **more) -> Answer:
        """Sends a request that must be answered with this status."""
        answer = self.ask(gateway, operation, body, **more)
        if answer.status != status:
            raise Failed(f"{operation} was answered with {answer.status} {answer.code}, not {status}")
        return answer
