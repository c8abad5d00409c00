"""Measures how fast functions start: size, time from process start to the runtime's first `next`, first call."""

import json
import statistics
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .deployment import Deployment
from .processes import FunctionProcess
from .progress import HANG, Progress
from .rejections import credentials
from .story import SOKO

ZIP_LIMIT = 9_500_000
MEMORY_LIMIT_KB = 64 * 1024
TIMES = 9


class RuntimeApi:
    """A Lambda Runtime API that never has an event, and reports when the first `next` arrived."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._end = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # noqa: N802
                outer.asked.set()
                outer._end.wait(60)
                self.close_connection = True

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *arguments) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stops the server."""
        self._end.set()
        self._server.shutdown()
        self._server.server_close()


def start(environment: dict[str, str]) -> tuple[float | None, int]:
    """Milliseconds from the start of a process to its first `next`, and its memory then in KiB."""
    api = RuntimeApi()
    program = Path(environment["LAMBDA_TASK_ROOT"]) / "bootstrap"
    begin = time.monotonic()
    process = subprocess.Popen(
        [str(program)], env=environment | {"AWS_LAMBDA_RUNTIME_API": api.address}, cwd=program.parent,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        took = (time.monotonic() - begin) * 1000 if api.asked.wait(HANG) else None
        return took, memory(process.pid)
    finally:
        process.kill()
        process.wait()
        api.close()


def memory(pid: int) -> int:
    """The peak memory of a process, in KiB."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def init_times(d: Deployment, function: str) -> list[float]:
    """The init times that a function itself logged, in milliseconds."""
    found = []
    for region in d.regions:
        for line in d.logs(region.name, function, lines=10_000, characters=10_000_000).splitlines():
            if '"init_ms"' in line:
                try:
                    said = json.loads(line)
                except ValueError:
                    continue
                found.append(float(said.get("init_ms", said.get("fields", {}).get("init_ms", "nan"))))
    return found


def measure(d: Deployment, packages: Path, progress: Progress) -> None:
    """Measures all functions in the first region, with reachable peers."""
    region = d.regions[0]
    for function in d.deployed(region.name):
        size = (packages / f"{function}.zip").stat().st_size
        environment = credentials(d, region.name, function)
        runs = [start(environment) for _ in range(TIMES)]
        times = [took for took, _ in runs if took is not None]
        used = max(kilobytes for _, kilobytes in runs)
        if len(times) < TIMES:
            progress.fail(f"{function} did not reach its first `next` in {TIMES - len(times)} of {TIMES} starts")
            continue
        said = init_times(d, function)
        median = statistics.median(times)
        progress.figure(
            f"{function}: zip {size / 1e6:.1f} MB; start to first `next` {median:.0f} ms (median of {TIMES}, "
            f"{min(times):.0f} to {max(times):.0f}), {used / 1024:.0f} MiB then"
            + (f"; as logged over the run: median {statistics.median(said):.0f} ms of {len(said)}" if said else ""))
        progress.expect(size <= ZIP_LIMIT, f"{function}.zip has at most {ZIP_LIMIT / 1e6:.1f} MB")
        progress.expect(used <= MEMORY_LIMIT_KB, f"{function} starts in at most {MEMORY_LIMIT_KB // 1024} MiB")
        progress.expect(bool(said), f"{function} logs its init time")
    first_call(d, progress)


def first_call(d: Deployment, progress: Progress) -> None:
    """Compares the first call of the api through the gateway with the next ones."""
    region = d.regions[0]
    cold, warm = [], []
    for _ in range(3):
        processes: list[FunctionProcess] = d.functions.running()
        for process in processes:
            if process.function == f"{d.prefix}-api" and process.region == region.name:
                process.kill()
        time.sleep(0.3)
        for times in (cold, *[warm] * 5):
            times.append(d.call(region, SOKO, "lookup", {"username": "unknown"}, 404).seconds * 1000)
    progress.figure(f"api through the gateway: first call {statistics.median(cold):.0f} ms, then "
                    f"{statistics.median(warm):.0f} ms (a look-up, emulator included)")
