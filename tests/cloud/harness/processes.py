"""The functions' processes under the emulator and their environments, as the kernel shows them."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from .emulator import Emulator


@dataclass(frozen=True)
class FunctionProcess:
    """One execution environment of a function."""

    pid: int
    environment: dict[str, str]

    @property
    def function(self) -> str:
        """The function's name."""
        return self.environment["AWS_LAMBDA_FUNCTION_NAME"]

    @property
    def region(self) -> str:
        """Its region."""
        return self.environment["AWS_REGION"]

    @property
    def program(self) -> Path:
        """Its program."""
        return Path(self.environment["LAMBDA_TASK_ROOT"]) / "bootstrap"

    def kill(self) -> None:
        """Kills the process and waits for its end, so that the next invocation is a cold start. A request during the
        kill would reach the dying process and fail."""
        os.kill(self.pid, signal.SIGKILL)
        while self._is_alive():
            time.sleep(0.002)

    def _is_alive(self) -> bool:
        """Whether the process still runs. An ended process stays a zombie until the emulator reaps it."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False


class Functions:
    """Finds the processes and records their access keys. A role's session keeps its access key for a whole run."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        # Access key -> (region, function).
        self._owners: dict[str, tuple[str, str]] = {}
        # (region, function) -> environment.
        self._environments: dict[tuple[str, str], dict[str, str]] = {}

    def running(self) -> list[FunctionProcess]:
        """The processes that run now."""
        found = []
        for directory in Path("/proc").iterdir():
            if not directory.name.isdigit():
                continue
            try:
                parent = int((directory / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent != self._emulator.process.pid:
                    continue
                pairs = (directory / "environ").read_text(errors="replace").split("\0")
            except (OSError, IndexError, ValueError):
                continue
            environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            if "AWS_LAMBDA_FUNCTION_NAME" in environment:
                found.append(FunctionProcess(int(directory.name), environment))
        for process in found:
            owner = (process.region, process.function)
            self._owners[process.environment["AWS_ACCESS_KEY_ID"]] = owner
            self._environments[owner] = process.environment
        return found

    def owner(self, access_key: str) -> tuple[str, str]:
        """The region and the function of an access key."""
        if access_key not in self._owners:
            self.running()
        return self._owners.get(access_key, ("", ""))

    def environment(self, region: str, function: str) -> dict[str, str] | None:
        """The environment of a function that has run."""
        if (region, function) not in self._environments:
            self.running()
        return self._environments.get((region, function))
