#!/usr/bin/env python3
"""Serves openapi-plain.json for tools that cannot sign: signs each body for a region, and answers with the body of the signed answer.

    plain.py DOCUMENT COMPANY.json URL

Prints its own URL. What is no POST of JSON is passed on as it is. An answer with a code that the document does not name for
the operation and the status becomes a 500.
"""

import http.client
import http.server
import json
import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs/requests"))
from sign import sign, unb64url  # noqa: E402


class Plain(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go in two writes, which the operating system would hold back for each other.
    disable_nagle_algorithm = True

    def do_GET(self):
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.pass_on(sent or None, {"content-type": self.headers.get("content-type", "")})

    do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_PUT = do_QUERY = do_TRACE = do_GET

    def do_POST(self):
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            body = json.loads(sent)
        except ValueError:
            return self.pass_on(sent, {"content-type": self.headers.get("content-type", "")})
        token, _ = sign(self.server.company, self.server.url, self.path, body)
        self.pass_on(token.encode(), {"content-type": "application/jwt", "x-api-key": self.server.company["api_key"]})

    def pass_on(self, body, headers):
        region = http.client.HTTPConnection(urllib.parse.urlsplit(self.server.url).netloc)
        region.request(self.command, self.path, body, headers)
        answer = region.getresponse()
        content, media_type = answer.read(), answer.getheader("content-type", "")
        if media_type == "application/jwt":
            claims = json.loads(unb64url(content.split(b".")[1].decode()))
            content = json.dumps(claims["body"]).encode()
            media_type = "application/json" if claims["status"] < 400 else "application/problem+json"
        status = answer.status
        if media_type == "application/problem+json" and not self.names(status, json.loads(content)["code"]):
            status, content = 500, b"not in x-problem-codes: " + content
        self.send_response(status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-type", "content-length", "date", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.command != "HEAD" else b"")

    def names(self, status, code):
        """Whether the document names a code for the operation and the status; a request for no operation has no list."""
        document = self.server.document
        operation = document["paths"].get(self.path, {}).get(self.command.lower())
        if operation is None:
            return True
        response = operation["responses"].get(str(status), {})
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        return code in response.get("x-problem-codes", ())

    def log_message(self, *_):
        pass


def main():
    document, company, url = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    with open(document) as file:
        server.document = json.load(file)
    with open(company) as file:
        server.company = json.load(file)
    server.url = url
    print(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
