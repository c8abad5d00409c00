"""What the run says: progress with elapsed seconds, what was seen, what was not, and figures."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


# Only what hangs waits for so long: how long things take is printed and judged by nobody.
HANG = 1200.0


class Failed(Exception):
    """Something that had to be seen was not."""


class Progress:
    """Prints lines, and remembers what the last line has to say."""

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
        """What has to be so: said if it is, and the end of the chapter if it is not."""
        if not holds:
            raise Failed(text)
        self.seen += 1
        self.say(f"ok    {text}")

    def expect(self, holds: bool, text: str) -> None:
        """Like `check`, but what follows does not depend on it."""
        if holds:
            self.check(True, text)
        else:
            self.fail(text)

    def fail(self, text: str) -> None:
        """Something that was not seen."""
        self.failures.append(text)
        self.say(f"NOT SO  {text}")

    def figure(self, text: str) -> None:
        """A measurement."""
        self.figures.append(text)
        self.say(f"      {text}")

    def cannot_show(self, text: str) -> None:
        """What the emulator does not do as AWS does."""
        self.not_shown.append(text)

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """A chapter whose failure does not keep the next ones from being played."""
        self.chapter(title)
        try:
            yield
        except Failed as failed:
            self.fail(f"{title}: {failed}")

    def until(self, what: str, look, pause: float = 0.2, seconds: float = HANG):
        """Looks until something is there, and gives it; fails when it hangs."""
        begin = time.monotonic()
        while True:
            found = look()
            if found is not None and found is not False:
                return found
            if time.monotonic() - begin > seconds:
                raise Failed(f"{what}: not within {seconds:.0f} s")
            time.sleep(pause)

    def sum_up(self) -> int:
        """The last lines; the exit code."""
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
