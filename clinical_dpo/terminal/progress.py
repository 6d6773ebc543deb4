"""Progress of a run: its finished, running and failed jobs, and an estimate of the time left."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class RunningJob:
    """A job that has started and has not ended."""

    rule: str
    wildcards: str
    started: float  # time of the start in seconds of the progress's clock


class RunProgress:
    """Counts the jobs of a run. Several threads may call its methods."""

    def __init__(self, rules: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        """Start the run's clock. No job is done yet.

        Args:
            rules: the name of the rule of each job that the run will do.
            clock: function that returns the number of seconds since an arbitrary moment.
        """
        self._lock = threading.Lock()
        self._clock, self.started = clock, clock()
        self._unfinished = Counter(rules)
        self.total = self._unfinished.total()
        self._running: dict[int, RunningJob] = {}
        self._failed: set[int] = set()
        self.done = 0
        self._finished: Counter[str] = Counter()  # rule -> finished jobs whose start was seen
        self._seconds: dict[str, float] = {}  # rule -> total seconds of these jobs

    def start(self, job: int, rule: str, wildcards: str) -> None:
        """Record that a job starts, for the first time or again after it failed."""
        with self._lock:
            self._failed.discard(job)
            self._running[job] = RunningJob(rule, wildcards, self._clock())

    def finish(self, job: int) -> None:
        """Record that a running job has succeeded. A job that is not recorded as running is ignored."""
        with self._lock:
            if running := self._running.pop(job, None):
                rule = running.rule
                self.done += 1
                self._unfinished[rule] -= 1
                self._finished[rule] += 1
                self._seconds[rule] = self._seconds.get(rule, 0.0) + self._clock() - running.started

    def fail(self, job: int) -> None:
        """Record that a job has failed. Snakemake may start it again."""
        with self._lock:
            self._running.pop(job, None)
            self._failed.add(job)

    @property
    def failed(self) -> int:
        """Number of jobs that failed and did not start again."""
        return len(self._failed)

    def elapsed(self) -> float:
        """Seconds since the start of the run."""
        return self._clock() - self.started

    def running(self) -> list[tuple[RunningJob, float]]:
        """Pairs of a running job and the seconds since its start. The job that has run longest is first."""
        with self._lock:
            now = self._clock()
            return [(job, now - job.started) for job in sorted(self._running.values(), key=lambda job: job.started)]

    def seconds_left(self) -> float | None:
        """Estimate the seconds until the last job ends; None before the first job has ended.

        A job is expected to take the mean time of the finished jobs of its rule. If no job of its rule has finished,
        the job is expected to take the mean time of all finished jobs. The number of jobs that run at a time is
        expected to stay at its mean so far.
        """
        running = self.running()
        with self._lock:
            if not self.done:
                return None
            worked = sum(self._seconds.values())
            mean = worked / self.done
            means = {rule: self._seconds[rule] / self._finished[rule] for rule in self._seconds}
            left = sum(n * means.get(rule, mean) for rule, n in self._unfinished.items())
        left -= sum(min(seconds, means.get(job.rule, mean)) for job, seconds in running)
        at_a_time = (worked + sum(seconds for _, seconds in running)) / max(self.elapsed(), 1e-9)
        return max(left, 0.0) / max(at_a_time, 1.0)
