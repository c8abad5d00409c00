"""Passes the events of a Keycloak realm on to Umoja, with the API key that Keycloak's webhooks cannot send.

Needs Python 3 alone. `python3 keycloak.py PORT KEYS_FILE SECRET_FILE`: KEYS_FILE is what `umoja source add --out` wrote,
and SECRET_FILE has the secret of the webhook in Keycloak. It runs beside Keycloak. What Umoja answers is the answer, so
Keycloak posts again what was not accepted.
"""

import hashlib
import hmac
import json
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

port, keys_file, secret_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(keys_file, encoding="utf-8") as file:
    source = json.load(file)
with open(secret_file, encoding="utf-8") as file:
    secret = file.read().strip().encode()
urls = [region["url"] for region in source["urls"]]


def passed_on(body):
    """The status of the first region that answers."""
    for url in urls:
        request = urllib.request.Request(url, body, {"content-type": "application/json", "x-api-key": source["api_key"]})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return error.code
        except OSError:
            pass
    return 503


class Receiver(BaseHTTPRequestHandler):
    """Answers as Umoja, and 401 if the webhook of the realm has not signed the event."""

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if 0 < length <= 2**20 else b""
        expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
        given = self.headers.get("x-keycloak-signature") or ""
        genuine = hmac.compare_digest(expected.encode(), given.encode())
        self.send_response(passed_on(body) if genuine else 401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Says nothing about events."""


server = HTTPServer(("127.0.0.1", port), Receiver)
print(f"http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
