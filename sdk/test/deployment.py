#!/usr/bin/env python3
"""Runs a command beside a deployment of two regions, which the command can disturb. It needs Python 3.10 alone.

    python3 sdk/test/deployment.py UMOJA COMMAND...

UMOJA is the built program. The command finds these in its environment:

    UMOJA_COMPANY          the company file of a company that has every scope
    UMOJA_REGIONS          the base URLs of the two regions, with a space between
    UMOJA_WEBHOOK          the file of its webhook
    UMOJA_TARGET           the id of its target, an HTTP server that accepts every account
    UMOJA_CONTROL          a URL that takes POST: /stop/N and /start/N of the region N (0 or 1), /lose/N (the next answer of the region to a
                           POST is lost, after the request was executed); and GET /webhooks, the webhooks that have arrived
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile


class Forwarder:
    """The public address of a region: hands connections on, unless it is stopped."""

    def __init__(self, address: socket.socket) -> None:
        self.address, self.port = address, 0
        self.is_stopped, self.loses = False, 0
        self.open: set[asyncio.StreamWriter] = set()

    async def serve(self) -> None:
        await asyncio.start_server(self.connection, sock=self.address)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_stopped:
            writer.transport.abort()
            return
        self.open.add(writer)
        try:
            await self.exchanges(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def exchanges(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        region_reader, region_writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while message := await read_message(reader):
                region_writer.write(message)
                answer = await read_message(region_reader)
                if self.is_stopped or not answer:
                    return
                if self.loses and message.startswith(b"POST "):
                    self.loses -= 1
                    return
                writer.write(answer)
                await writer.drain()
                if is_last(message):
                    return
        finally:
            region_writer.transport.abort()

    def stop(self) -> None:
        self.is_stopped = True
        for writer in list(self.open):
            writer.transport.abort()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer of HTTP/1.1, or nothing at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    lines = head.lower().split(b"\r\n")
    lengths = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
    if any(line.startswith(b"transfer-encoding:") for line in lines):
        raise OSError("this forwarder reads messages with a length only")
    return head + (await reader.readexactly(lengths[0]) if lengths else b"")


def is_last(request: bytes) -> bool:
    """Whether the client wants the connection closed after the answer."""
    return b"\r\nconnection: close\r\n" in request.partition(b"\r\n\r\n")[0].lower() + b"\r\n"


class Control:
    """Takes the commands of a test, the webhooks and the accounts of the target."""

    def __init__(self, regions: list[Forwarder]) -> None:
        self.regions, self.webhooks, self.url = regions, [], ""

    async def serve(self) -> None:
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while message := await read_message(reader):
                writer.write(self.answer(message))
                await writer.drain()
                if is_last(message):
                    return
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def answer(self, message: bytes) -> bytes:
        head, _, body = message.partition(b"\r\n\r\n")
        request, *lines = head.decode().split("\r\n")
        path = request.split(" ")[1]
        content = b"{}"
        match path.strip("/").split("/"):
            case ["stop", number]:
                self.regions[int(number)].stop()
            case ["start", number]:
                self.regions[int(number)].is_stopped = False
            case ["lose", number]:
                self.regions[int(number)].loses += 1
            case ["hook"]:
                headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
                self.webhooks.append({"headers": headers, "body": body.decode()})
            case ["webhooks"]:
                content = json.dumps(self.webhooks).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content


def listening() -> socket.socket:
    address = socket.socket()
    address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    address.bind(("127.0.0.1", 0))
    return address


async def main() -> int:
    umoja, *command = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="umoja-sdk-") as folder:
        files = pathlib.Path(folder)
        where = ["--dir", str(files / "deployment")]

        def run(*arguments: str) -> None:
            subprocess.run([umoja, *arguments, *where], check=True, stdout=subprocess.DEVNULL)

        names = ["eu-west-1", "af-south-1"]
        run("init", "--regions", ",".join(names), "--port-base", "0", "--env", "test")
        run("company", "add", "soko", "--scopes", "all", "--trusted", "--out", str(files / "soko.json"))
        regions = [Forwarder(listening()) for _ in names]
        urls = [f"http://127.0.0.1:{region.address.getsockname()[1]}" for region in regions]
        control = Control(regions)
        await control.serve()
        (files / "token").write_text("token-of-the-target\n", encoding="utf-8")
        loopback = "--outbound-loopback"
        run("webhook", "add", "soko-hook", "--company", "soko", "--url", f"{control.url}/hook", loopback, "--out",
            str(files / "webhook.json"))
        run("target", "add", "soko-crm", "--company", "soko", "--kind", "http", "--url", f"{control.url}/accounts",
            "--token-file", str(files / "token"), loopback)
        public = [part for name, url in zip(names, urls) for part in ("--public-url", f"{name}={url}")]
        with (files / "log").open("wb") as log:
            serving = subprocess.Popen([umoja, "serve", *where, *public, "--json", loopback], stdout=subprocess.PIPE, stderr=log)
        try:
            ports = await asyncio.to_thread(read_ports, serving, files / "deployment", names)
            for region, port in zip(regions, ports):
                region.port = port
                await region.serve()
            environment = os.environ | {
                "UMOJA_COMPANY": str(files / "soko.json"),
                "UMOJA_REGIONS": " ".join(urls),
                "UMOJA_WEBHOOK": str(files / "webhook.json"),
                "UMOJA_TARGET": "soko-crm",
                "UMOJA_CONTROL": control.url,
            }
            process = await asyncio.create_subprocess_exec(*command, env=environment)
            code = await process.wait()
            if code != 0:
                sys.stderr.write((files / "log").read_text(encoding="utf-8")[-4000:])
            return code
        finally:
            serving.terminate()
            serving.wait()


def read_ports(serving: subprocess.Popen[bytes], deployment: pathlib.Path, names: list[str]) -> list[int]:
    """The ports of the regions, once they are served."""
    for line in serving.stdout:
        if line == b"}\n":
            written = json.loads((deployment / "deployment.json").read_text(encoding="utf-8"))
            ports = {region["name"]: region["port"] for region in written["regions"]}
            return [ports[name] for name in names]
    raise SystemExit("umoja serve has ended before it served")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
