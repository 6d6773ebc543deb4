"""How far a long job is, as lines of plain text in its log: done of total, pace, time left."""

import sys
import time
from collections.abc import Callable
from datetime import timedelta


def say(text: str) -> None:
    """Write a line at once, so that a log can be followed."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Progress:
    """Counts what a job has done: `answer 32 of 200 (16%): 0.41 s/answer, 0:01:09 left`."""

    def __init__(
        self, unit: str, total: int, done: int = 0, *, every: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start the clock.

        Args:
            unit: what is counted, in the singular.
            total: how many there are.
            done: how many an earlier attempt did; they count, but not for the pace.
            every: seconds between two lines of `advance`; the last line is always written.
            clock: seconds since some moment.
        """
        self.unit, self.total, self.before, self.every, self.clock = unit, total, done, every, clock
        self.started = self.told = clock()

    def tell(self, done: int, *notes: str) -> None:
        """Write a line now.

        Args:
            done: units done, those of earlier attempts included.
            notes: what else the line says, before the pace.
        """
        self.told = self.clock()
        pace = (self.told - self.started) / max(done - self.before, 1)
        left = timedelta(seconds=round(pace * (self.total - done)))
        said = ", ".join([*notes, f"{pace:.3g} s/{self.unit}", f"{left} left"])
        say(f"{self.unit} {done} of {self.total} ({done / self.total:.0%}): {said}")

    def advance(self, done: int) -> None:
        """Write a line if the last one is `every` seconds old, or if all is done."""
        if done == self.total or self.clock() - self.told >= self.every:
            self.tell(done)
