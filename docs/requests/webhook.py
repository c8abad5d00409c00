"""Receives the events of a webhook, and verifies them by the shared secret.

Needs Python 3 alone. `python3 webhook.py PORT SECRET_FILE`: the file is what `umoja webhook add --out` wrote. Behind a
proxy that ends TLS this is a whole receiver; print() is where your own work goes.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

port, secret_file = int(sys.argv[1]), sys.argv[2]
with open(secret_file, encoding="utf-8") as file:
    secret = base64.b64decode(json.load(file)["secret"].removeprefix("whsec_"))
seen = set()  # in a database, with the effects of the events


def is_genuine(headers, body):
    """Whether one of the signatures is ours, and the message is of now."""
    message_id, at = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(at)) > 300:
        return False
    signed = hmac.digest(secret, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    expected = "v1," + base64.b64encode(signed).decode()
    # During a rotation there are several signatures.
    return any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split(" "))


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 once an event is handled, and 401 if it is not genuine."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            genuine = is_genuine(self.headers, body)
        except (KeyError, TypeError, ValueError):
            genuine = False
        if genuine and self.headers["webhook-id"] not in seen:
            seen.add(self.headers["webhook-id"])
            print(json.loads(body)["type"], flush=True)
        self.send_response(204 if genuine else 401)
        self.end_headers()

    def log_message(self, *_):
        """Says nothing about requests."""


server = HTTPServer(("127.0.0.1", port), Receiver)
print(f"http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
