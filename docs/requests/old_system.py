"""Answers Umoja whether a password is right, in place of a system that exports no hashes.

Needs Python 3 alone. `python3 old_system.py PORT REGION_URL... < USERS.json`: each URL is the base URL of a region, whose
published keys say that Umoja asks. USERS.json is `[{"id": ..., "email": ..., "salt": ..., "scrypt": ...}]`; check() is where
your own system verifies a password. Behind a proxy that ends TLS this is a whole endpoint.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

port, regions = int(sys.argv[1]), sys.argv[2:]
users = json.load(sys.stdin)

# Ed25519 as RFC 8032, section 5.1.7, verifies it. Nothing here is secret, so it may take as long as it takes.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    """The sum of two points (extended coordinates)."""
    left, right = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = right - left, d - c, d + c, right + left
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
    return total


def point(data):
    """The point that 32 bytes stand for; ValueError if they stand for none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def verifies(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if len(key) != 32 or len(signature) != 64 or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    a, b = times(s, BASE), add(point(signature[:32]), times(h, point(key)))
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def published():
    """The Ed25519 keys of all regions by their ids. Regions change their keys now and then."""
    keys = {}
    for region in regions:
        with urllib.request.urlopen(region.rstrip("/") + "/.well-known/jwks.json", timeout=3) as response:
            for key in json.load(response)["keys"]:
                if key.get("crv") == "Ed25519":
                    keys[key["kid"]] = base64.urlsafe_b64decode(key["x"] + "=")
    return keys


keys, read_at = {}, 0.0


def is_genuine(headers, body):
    """Whether a region of Umoja has signed the request, within the last five minutes."""
    global keys, read_at
    at, kid = headers["webhook-timestamp"], headers["umoja-key-id"]
    if abs(time.time() - int(at)) > 300:
        return False
    # An unknown key may be a new one. Who invents key ids makes one request a minute.
    if kid not in keys and time.monotonic() - read_at > 60 or not keys:
        keys, read_at = published(), time.monotonic()
    version, signature = headers["webhook-signature"].split(",", 1)
    message = f"{headers['webhook-id']}.{at}.".encode() + body
    return version == "v1a" and kid in keys and verifies(keys[kid], message, base64.b64decode(signature))


def check(asked):
    """Whether the password is the user's. The user is found by the id, or else by an address that is verified."""
    if "external_id" in asked:
        found = [user for user in users if user["id"] == asked["external_id"]]
    elif asked.get("email_verified"):
        found = [user for user in users if user["email"] == asked["email"]]
    else:
        found = []
    if len(found) != 1:
        return False
    salt, known = bytes.fromhex(found[0]["salt"]), bytes.fromhex(found[0]["scrypt"])
    given = hashlib.scrypt(asked["password"].encode(), salt=salt, n=2**14, r=8, p=1)
    return hmac.compare_digest(given, known)


class Endpoint(BaseHTTPRequestHandler):
    """Answers 200 with the verdict, and 401 if the request is not genuine."""

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if 0 < length <= 16384 else b""
        try:
            genuine = is_genuine(self.headers, body)
            status, answer = (200, {"authenticated": check(json.loads(body))}) if genuine else (401, {})
        except (AttributeError, KeyError, TypeError, ValueError):
            status, answer = 401, {}
        except OSError:
            status, answer = 503, {}  # the keys cannot be read: Umoja asks again
        answer = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Says nothing about requests."""


server = HTTPServer(("127.0.0.1", port), Endpoint)
print(f"http://127.0.0.1:{server.server_port}/verify", flush=True)
server.serve_forever()
