"""Programs that the run starts, one at a time or in parallel. Each ends with the run."""

import os
import shlex
import signal
import subprocess
import threading
from pathlib import Path

from .progress import Failed


class Programs:
    """Starts programs in their own process groups, so that an interrupted run leaves no children of them."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self, command: list[str], directory: Path, environment: dict[str, str], codes=(0,), log: Path | None = None,
    ) -> tuple[int, str]:
        """Runs a program to its end. Returns its exit code and output. Fails if the code is not in `codes`."""
        with self._lock:
            if self._stopped:
                raise Failed("interrupted")
            process = subprocess.Popen(
                command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
            )
            self._running.add(process)
        try:
            output, _ = process.communicate()
        except BaseException:
            self.stop()
            raise
        finally:
            with self._lock:
                self._running.discard(process)
        if log is not None:
            with log.open("a") as file:
                file.write(f"$ {shlex.join(command)}\n{output}\n")
        if process.returncode not in codes:
            tail = "\n".join(output.splitlines()[-40:])
            raise Failed(f"`{shlex.join(command[:3])} ...` ended with {process.returncode}:\n{tail}")
        return process.returncode, output

    def start(self, command: list[str], directory: Path, environment: dict[str, str], log) -> subprocess.Popen:
        """Starts a program that runs until it is stopped. Its output is read from its `stdout`."""
        with self._lock:
            if self._stopped:
                raise Failed("interrupted")
            process = subprocess.Popen(
                command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                text=True, errors="replace", start_new_session=True,
            )
            self._running.add(process)
        return process

    def stop(self) -> None:
        """Ends all running programs, with a signal to terminate first, so that Terraform can write its state."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for end, seconds in ((signal.SIGINT, 10), (signal.SIGKILL, 5)):
            for process in running:
                if process.poll() is None:
                    try:
                        os.killpg(process.pid, end)
                    except ProcessLookupError:
                        pass
            for process in running:
                try:
                    process.wait(timeout=seconds)
                except subprocess.TimeoutExpired:
                    pass
