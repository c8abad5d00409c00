#!/usr/bin/env python3
"""Signs one request, sends it, and checks the answer. Needs the package `cryptography`.

    python3 docs/requests/sign.py COMPANY.json URL [OPERATION [BODY]]
    python3 docs/requests/sign.py DIR/demo.json [OPERATION [BODY]]

COMPANY.json is written by `umoja company add --out COMPANY.json`; URL is the region's base URL. DIR/demo.json is written
by `umoja demo --dir DIR`: its first company calls its first region. Without an operation it registers a new person.
"""

import base64
import hashlib
import json
import secrets
import sys
import time
import urllib.error
import urllib.request

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def b64url(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value: dict) -> str:
    return b64url(json.dumps(value, separators=(",", ":")).encode())


def sign(company: dict, url: str, path: str, body: dict) -> tuple[str, str]:
    """The token (compact JWS) of a request, and its `jti`."""
    now, jti = int(time.time()), secrets.token_urlsafe(16)
    claims = {
        "iss": company["id"],
        "aud": url,
        "iat": now,
        "exp": now + 60,
        "jti": jti,
        "htm": "POST",
        "htu": url + path,
        "akh": b64url(hashlib.sha256(company["api_key"].encode()).digest()),
        "body": body,
    }
    header = {"alg": company["alg"], "kid": company["kid"], "typ": "umoja-req+jwt"}
    signed = compact(header) + "." + compact(claims)
    key = load_pem_private_key(company["private_key_pem"].encode(), password=None)
    return signed + "." + b64url(key.sign(signed.encode())), jti


def post(url: str, token: str, api_key: str) -> tuple[int, str]:
    headers = {"Content-Type": "application/jwt", "x-api-key": api_key}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, token.encode(), headers)) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def check(company: dict, url: str, jti: str, token: str, status: int, answer: str) -> dict:
    """The claims of an answer, if the region signed them as the answer to this request."""
    if answer.count(".") != 2:
        raise SystemExit(f"rejected before the caller was known: {status} {answer}")
    header, claims, signature = answer.split(".")
    header, signed = json.loads(unb64url(header)), f"{header}.{claims}".encode()
    with urllib.request.urlopen(url + "/.well-known/jwks.json") as response:
        keys = {key["kid"]: key for key in json.load(response)["keys"]}
    key = keys[header["kid"]]
    Ed25519PublicKey.from_public_bytes(unb64url(key["x"])).verify(unb64url(signature), signed)
    claims = json.loads(unb64url(claims))
    rqh = b64url(hashlib.sha256(token.encode()).digest())
    ours = (header["typ"], header["alg"], claims["iss"], claims["aud"], claims["rjti"], claims["rqh"], claims["status"])
    if ours != ("umoja-res+jwt", key["alg"], url, company["id"], jti, rqh, status):
        raise SystemExit("the answer is to another request")
    if not claims["iat"] - 5 <= time.time() < claims["exp"] + 5:
        raise SystemExit("the answer is old, or a clock is wrong")
    return claims


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        company = json.load(file)
    rest = sys.argv[2:]
    if "companies" in company:
        url, company = company["regions"][0]["url"], company["companies"][0]
    else:
        url, *rest = rest
    operation = rest[0] if rest else "register"
    person = {"email": f"person-{secrets.token_hex(6)}@example.com", "profile": {"given_name": "Amina"}}
    body = json.loads(rest[1]) if len(rest) > 1 else person
    path = f"/v1/users/{operation}"
    token, jti = sign(company, url, path, body)
    status, answer = post(url + path, token, company["api_key"])
    claims = check(company, url, jti, token, status, answer)
    print(json.dumps(claims, indent=2))
    return 0 if status < 400 else 1


if __name__ == "__main__":
    sys.exit(main())
