"""The output of the run: progress with elapsed seconds, passed and failed checks, and figures."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


# Only a hanging step waits this long. Durations are printed, but not checked.
HANG = 1200.0


class Failed(Exception):
    """A check failed."""


class Progress:
    """Prints lines, and collects the results for the last line."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.packaged = 0.0
        self.seen = 0
        self.failures: list[str] = []
        self.figures: list[str] = []
        self.not_shown: list[str] = []

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        """One line of progress."""
        for line in text.splitlines():
            print(f"{self.elapsed():7.1f} s  {line}", flush=True)

    def chapter(self, title: str) -> None:
        """A heading."""
        print(f"\n== {title}", flush=True)

    def check(self, holds: bool, text: str) -> None:
        """A required condition. Prints it if it holds, and ends the chapter if it does not."""
        if not holds:
            raise Failed(text)
        self.seen += 1
        self.say(f"ok    {text}")

    def expect(self, holds: bool, text: str) -> None:
        """Like `check`, but the chapter continues."""
        if holds:
            self.check(True, text)
        else:
            self.fail(text)

    def fail(self, text: str) -> None:
        """Records a failed check."""
        self.failures.append(text)
        self.say(f"NOT SO  {text}")

    def figure(self, text: str) -> None:
        """A measurement."""
        self.figures.append(text)
        self.say(f"      {text}")

    def cannot_show(self, text: str) -> None:
        """Records a difference between the emulator and AWS that limits the run."""
        self.not_shown.append(text)

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """A chapter whose failure does not stop the next ones."""
        self.chapter(title)
        try:
            yield
        except Failed as failed:
            self.fail(f"{title}: {failed}")

    def until(self, what: str, look, pause: float = 0.2, seconds: float = HANG):
        """Repeats `look` until it returns a value, and returns it. Fails after `seconds`."""
        begin = time.monotonic()
        while True:
            found = look()
            if found is not None and found is not False:
                return found
            if time.monotonic() - begin > seconds:
                raise Failed(f"{what}: not within {seconds:.0f} s")
            time.sleep(pause)

    def sum_up(self) -> int:
        """Prints the last lines and returns the exit code."""
        if self.figures:
            self.chapter("Measured")
            for figure in self.figures:
                print(f"  {figure}")
        if self.not_shown:
            self.chapter("What the emulator cannot show")
            for text in self.not_shown:
                print(f"  {text}")
        if self.failures:
            self.chapter("Not seen")
            for failure in self.failures:
                print(f"  {failure}")
        verdict = f"{len(self.failures)} NOT SEEN" if self.failures else "nothing missing"
        print(f"\n{self.seen} things seen, {verdict}, {self.elapsed():.0f} s")
        sys.stdout.flush()
        return 1 if self.failures else 0
