"""Foreign systems on this machine: SCIM servers of other people behind doors that can be shut, and a webhook's receiver."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import venv
from pathlib import Path

from .emulator import free_port
from .progress import HANG, Failed
from .system import System

PROGRAM = "scim2-server==0.8.3"


class Door:
    """A port before a server on this machine. While it is shut, connections to it are rejected."""

    def __init__(self, server: int) -> None:
        self._server, self.port = server, free_port()
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        """Lets connections through from now on."""
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Rejects connections from now on."""
        if self._listener is not None:
            # `close` alone does not wake a thread that accepts.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                outside, _ = listener.accept()
            except OSError:
                return
            inside = socket.create_connection(("127.0.0.1", self._server))
            for source, sink in ((outside, inside), (inside, outside)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            sink.close()


class ScimServer:
    """A server of SCIM 2.0 behind a door."""

    def __init__(self, system: System, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name, self.token, port = name, secrets.token_urlsafe(24), free_port()
        log = (system.directory / f"{name}.log").open("w")
        self._process = system.programs.start(
            [*command, "--port", str(port), "--bearer-token", self.token], system.directory,
            {"PATH": os.environ["PATH"]} | environment, log)
        self._url = f"http://127.0.0.1:{port}/v2"
        begin = time.monotonic()
        while not self._healthy(port):
            if self._process.poll() is not None or time.monotonic() - begin > HANG:
                raise Failed(f"{name} did not start")
            time.sleep(0.1)
        self.door = Door(port)
        self.url = f"http://127.0.0.1:{self.door.port}/v2"

    @staticmethod
    def _healthy(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def accounts(self) -> dict[str, dict]:
        """The accounts that it has, by the ids of their users."""
        found, all_of_them = [], None
        while all_of_them is None or len(found) < all_of_them:
            # A server may list fewer on a page than it is asked for (RFC 7644 section 3.4.2.4).
            request = urllib.request.Request(f"{self._url}/Users?count=100&startIndex={len(found) + 1}",
                                             headers={"Authorization": f"Bearer {self.token}"})
            with urllib.request.urlopen(request, timeout=HANG) as answer:
                answered = json.loads(answer.read())
            page, all_of_them = answered.get("Resources", []), answered["totalResults"]
            if not page and len(found) < all_of_them:
                raise Failed(f"{self.name} lists {len(found)} of its {all_of_them} accounts")
            found += page
        if len({account.get("externalId") for account in found}) != len(found):
            raise Failed("a user has two accounts, or an account has no user")
        return {account["externalId"]: account for account in found}

    def change_by_hand(self, user: str, given_name: str) -> None:
        """An administrator changes an account at the target."""
        account = self.accounts()[user]
        account["name"]["givenName"] = given_name
        request = urllib.request.Request(
            f"{self._url}/Users/{account['id']}", json.dumps(account).encode(), method="PUT",
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"})
        urllib.request.urlopen(request, timeout=HANG).read()

    def end(self) -> None:
        """Ends the process."""
        self.door.shut()
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()


def scim2_server(system: System) -> ScimServer:
    """PyPI scim2-server, which is strict about schemas, unique names and `If-Match`."""
    folder = Path(sys.prefix).parent / "targets-venv"
    marker = folder / "programs"
    if not marker.is_file() or marker.read_text() != PROGRAM:
        venv.create(folder, with_pip=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PROGRAM]
        subprocess.run(pip, check=True)
        marker.write_text(PROGRAM)
    return ScimServer(system, "scim2-server", [str(folder / "bin/scim2-server")], {"PYTHONUNBUFFERED": "1"})


def scimmy(system: System) -> ScimServer:
    """npm scimmy-routers, which knows no `If-Match` and names no versions of its users."""
    _, modules = system.programs.run([str(system.repository / ".ci/scimmy")], system.repository, dict(os.environ),
                                     log=system.directory / "npm.log")
    program = system.repository / "tests/scim-servers/scimmy.cjs"
    return ScimServer(system, "scimmy-routers", ["node", str(program)], {"NODE_PATH": modules.strip()})


class Receiver:
    """The receiver of a webhook. It accepts what Standard Webhooks' signature proves, unless it is set to reject all."""

    def __init__(self) -> None:
        self.secret = ""
        self.rejects = False
        self.calls = 0
        self.forged = 0
        self.events: list[dict] = []
        self._ids: set[str] = set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers a call."""

            def do_POST(self) -> None:  # noqa: N802
                """Reads and answers one message."""
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.receive(self.headers, body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_arguments) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def receive(self, headers, body: bytes) -> int:
        """The status of the answer to a message."""
        self.calls += 1
        if self.rejects:
            return 503
        message, at = headers["webhook-id"], headers["webhook-timestamp"]
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        tag = base64.b64encode(hmac.digest(key, f"{message}.{at}.".encode() + body, hashlib.sha256)).decode()
        if f"v1,{tag}" not in headers["webhook-signature"].split() or not headers["umoja-signature"]:
            self.forged += 1
            return 401
        if message not in self._ids:
            self._ids.add(message)
            self.events.append(json.loads(body))
        return 204

    def has(self, kind: str, user: str) -> bool:
        """Whether an event about a user was accepted."""
        return any(event["type"] == f"umoja.user.{kind}" and event["data"]["user"] == user for event in self.events)

    def end(self) -> None:
        """Accepts no more calls."""
        self._server.shutdown()
        self._server.server_close()
