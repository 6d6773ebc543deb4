"""Write the progress of a long job to its log. Each line has the units done, the total, the pace and the time left."""

import sys
import time
from collections.abc import Callable
from datetime import timedelta


def say(text: str) -> None:
    """Write a line to standard output and flush it at once, for readers who follow the log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Progress:
    """Write lines about the progress of a job, such as `answer 32 of 200 (16%): 0.41 s/answer, 0:01:09 left`."""

    def __init__(
        self, unit: str, total: int, done: int = 0, *, every: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start the clock.

        Args:
            unit: name of the units that are counted, in the singular.
            total: number of units.
            done: number of these units that an earlier attempt finished. The pace does not include them.
            every: least number of seconds between two lines of `advance`. The last line is always written.
            clock: function that returns a time in seconds. Only differences between its times are used.
        """
        self.unit, self.total, self.before, self.every, self.clock = unit, total, done, every, clock
        self.started = self.last_line = clock()

    def write_line(self, done: int, *notes: str) -> None:
        """Write a line about the progress, regardless of the time since the last line.

        Args:
            done: units done, including those of earlier attempts.
            notes: further facts. In the line they come before the pace (seconds per unit) and the time left.
        """
        self.last_line = self.clock()
        pace = (self.last_line - self.started) / max(done - self.before, 1)
        left = timedelta(seconds=round(pace * (self.total - done)))
        facts = ", ".join([*notes, f"{pace:.3g} s/{self.unit}", f"{left} left"])
        say(f"{self.unit} {done} of {self.total} ({done / self.total:.0%}): {facts}")

    def advance(self, done: int) -> None:
        """Write a line if all units are done, or if `every` seconds have passed since the last line.

        Before the first line, the seconds are counted from the start.

        Args:
            done: units done, including those of earlier attempts.
        """
        if done == self.total or self.clock() - self.last_line >= self.every:
            self.write_line(done)
