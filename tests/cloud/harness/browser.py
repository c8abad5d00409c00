"""A browser and the back end of a client, at single sign-on behind the REST APIs of the regions.

All regions have one issuer, whose name leads to any of them: the caller says which region answers each request."""

import base64
import hashlib
import http.client
import json
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .client import b64url, unb64url
from .progress import HANG, Failed

ISSUER = "https://login.example"
STAGE = "oidc"
ALL = "openid profile email offline_access"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str:
        """The first header with this name."""
        return next((value for each, value in self.headers if each.lower() == name), "")

    def json(self) -> dict:
        """The body."""
        try:
            return json.loads(self.text)
        except ValueError:
            return {}


@dataclass
class Issuer:
    """The REST API of each region, by the name of the region: id."""

    port: int
    apis: dict[str, str] = field(default_factory=dict)

    def send(self, region: str, method: str, path: str, headers: dict, form: dict | None = None) -> Said:
        """One request, answered by a region. No redirect is followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG)
        own = {"Host": f"{self.apis[region]}.execute-api.localhost"} | ({"Content-Type": FORM} if form is not None else {})
        body = urlencode(form) if form is not None else None
        connection.request(method, f"/{STAGE}{path}", body, own | headers)
        answer = connection.getresponse()
        said = Said(answer.status, answer.getheaders(), answer.read().decode(errors="replace"))
        connection.close()
        return said


@dataclass
class Browser:
    """A browser with its cookies."""

    issuer: Issuer
    cookies: dict[str, str] = field(default_factory=dict)

    def request(self, region: str, method: str, path: str, form: dict | None = None) -> Said:
        """A request with the cookies, which the answer changes."""
        headers = {"Accept": "text/html"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        said = self.issuer.send(region, method, path, headers, form)
        for name, value in said.headers:
            if name.lower() == "set-cookie":
                cookie, _, attributes = value.partition(";")
                key, _, text = cookie.partition("=")
                if not key.startswith("__Host-") or "secure" not in attributes.lower() or "httponly" not in attributes.lower():
                    raise Failed(f"the cookie {key} is not bound to its host")
                self.cookies.pop(key, None)
                if text and "max-age=0" not in attributes.lower():
                    self.cookies[key] = text
        return said


def step_of(page: Said) -> str:
    """What the form of a page carries to its next step."""
    found = re.search(r'name="step" value="([^"]+)"', page.text)
    if page.status != 200 or not found:
        raise Failed(f"no page with a form: {page.status} {page.text[:300]}")
    return found.group(1)


class App:
    """A client: its browser side and its back end."""

    REDIRECT = "https://app.example/callback"
    BYE = "https://app.example/bye"

    def __init__(self, issuer: Issuer, issued: dict) -> None:
        self.issuer, self.id, self.secret = issuer, issued["client_id"], issued["client_secret"]

    def begin(self, browser: Browser, region: str, scope: str = ALL, **more) -> tuple[Said, dict]:
        """Sends a browser to the authorization endpoint of a region. Returns the answer, and what the client keeps."""
        kept = {"state": secrets.token_urlsafe(12), "nonce": secrets.token_urlsafe(12), "verifier": secrets.token_urlsafe(48)}
        challenge = b64url(hashlib.sha256(kept["verifier"].encode()).digest())
        query = urlencode({"response_type": "code", "client_id": self.id, "redirect_uri": self.REDIRECT, "scope": scope,
                           "state": kept["state"], "nonce": kept["nonce"], "code_challenge": challenge,
                           "code_challenge_method": "S256"} | more)
        return browser.request(region, "GET", f"/oauth2/authorize?{query}"), kept

    def code(self, said: Said, kept: dict) -> str:
        """The code of a redirect to the client, whose state and issuer have to be right."""
        location = said.header("location")
        answer = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        if said.status != 303 or not location.startswith(f"{self.REDIRECT}?") or "code" not in answer:
            raise Failed(f"no code: {said.status} {location[:80]} {answer.get('error', '')} {said.text[:300]}")
        if answer["state"] != kept["state"] or answer["iss"] != ISSUER:
            raise Failed("a code of another request or issuer")
        return answer["code"]

    def post(self, region: str, path: str, form: dict) -> Said:
        """A request of the back end, with its secret."""
        basic = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        return self.issuer.send(region, "POST", path, {"Authorization": f"Basic {basic}"}, form)

    def redeem(self, region: str, code: str, kept: dict) -> Said:
        """Redeems a code."""
        return self.post(region, "/oauth2/token", {"grant_type": "authorization_code", "code": code,
                                                   "redirect_uri": self.REDIRECT, "code_verifier": kept["verifier"]})

    def refresh(self, region: str, token: str) -> Said:
        """Uses a refresh token."""
        return self.post(region, "/oauth2/token", {"grant_type": "refresh_token", "refresh_token": token})

    def userinfo(self, region: str, token: str) -> Said:
        """What the issuer says of a person."""
        return self.issuer.send(region, "GET", "/oauth2/userinfo", {"Authorization": f"Bearer {token}"})

    def claims(self, region: str, token: str) -> dict:
        """The claims of a token that the keys of a region verify (ES256)."""
        header, claims, signature = token.split(".")
        said = json.loads(unb64url(header))
        keys = self.issuer.send(region, "GET", "/oauth2/jwks", {}).json()["keys"]
        key = next(key for key in keys if key["kid"] == said["kid"] and said["alg"] == key["alg"] == "ES256")
        x, y = (int.from_bytes(unb64url(key[axis])) for axis in ("x", "y"))
        raw = unb64url(signature)
        pair = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        public.verify(pair, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        return json.loads(unb64url(claims))
