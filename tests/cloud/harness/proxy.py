"""A TCP proxy in front of the emulator that records every call, and breaks the path to a region on request.

The functions' own region is one listener; each path from a region to a peer is another one. The bytes are not
changed, so signatures stay valid.
"""

import asyncio
import threading
import time

from .wire import Call, Wire, action

Path = tuple[str, str]
OWN: Path = ("", "")
OPERATOR: Path = ("operator", "")


class Proxy:
    """Listeners on 127.0.0.1 for paths (from, to).

    `OWN` is the path of every function to its own region, `OPERATOR` that of Terraform and umoja to all regions.
    """

    def __init__(self, upstream_port: int, wire: Wire) -> None:
        self._upstream_port = upstream_port
        self._wire = wire
        self._broken: set[Path] = set()
        self._rejected: dict[Path, frozenset[str]] = {}
        self._connections: dict[Path, set[asyncio.StreamWriter]] = {}
        self._urls: dict[Path, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def url(self, path: Path = OWN) -> str:
        """The URL at which a path begins."""
        if path not in self._urls:
            port = asyncio.run_coroutine_threadsafe(self._listen(path), self._loop).result()
            self._urls[path] = f"http://127.0.0.1:{port}"
        return self._urls[path]

    def cut(self, *paths: Path) -> None:
        """Resets the open connections of these paths and every new one."""
        self._broken.update(paths)

        def reset() -> None:
            for path in paths:
                for writer in list(self._connections.get(path, ())):
                    writer.transport.abort()

        self._loop.call_soon_threadsafe(reset)

    def reject(self, path: Path, *actions: str) -> None:
        """Resets connections on a path that request one of these actions."""
        self._rejected[path] = frozenset(actions)

    def heal(self) -> None:
        """Makes all paths work again."""
        self._broken.clear()
        self._rejected.clear()

    def stop(self) -> None:
        """Stops the proxy."""

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    async def _listen(self, path: Path) -> int:
        server = await asyncio.start_server(lambda r, w: self._serve(path, r, w), "127.0.0.1", 0, limit=1 << 20)
        return server.sockets[0].getsockname()[1]

    async def _serve(self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path in self._broken:
            self._wire.rejected(path)
            writer.transport.abort()
            return
        own = self._connections.setdefault(path, set())
        own.add(writer)
        upstream = None
        try:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._upstream_port, limit=1 << 20)
            while await self._exchange(path, (reader, writer), (upstream_reader, upstream)):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            own.discard(writer)
            for stream in (writer, upstream):
                if stream is not None:
                    stream.close()

    async def _exchange(self, path: Path, client, upstream) -> bool:
        """Passes one request and its answer. False at the end of the connection."""
        request = await message(client[0])
        if request is None:
            return False
        if path in self._rejected and action(request[0]) in self._rejected[path]:
            client[1].transport.abort()
            return False
        begin = time.time()
        upstream[1].write(request[0] + request[1])
        await upstream[1].drain()
        answer = await message(upstream[0])
        if answer is None:
            return False
        client[1].write(answer[0] + answer[1])
        await client[1].drain()
        self._wire.add(Call.of(path, begin, time.time() - begin, request, answer))
        return b"connection: close" not in answer[0].lower()


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """The raw head and body of one HTTP/1.1 message, or None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        return head, await chunks(reader)
    start = fields.find(b"\r\ncontent-length:")
    length = int(fields[start + 17 : fields.index(b"\r\n", start + 17)]) if start >= 0 else 0
    return head, await reader.readexactly(length)


async def chunks(reader: asyncio.StreamReader) -> bytes:
    """A chunked body with its chunk sizes."""
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body
