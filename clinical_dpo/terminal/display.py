"""A progress bar below the other text of a run. It shows the finished jobs, the time left and the running jobs.

The standard streams of the run and of its jobs lead through a pipe. A thread prints each line from the pipe above the
bar. Without the pipe, a job could write into the bar, and the next redraw would erase the job's text.
"""

import contextlib
import logging
import os
import sys
import threading
from datetime import timedelta

from rich.ansi import AnsiDecoder
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent

from clinical_dpo.line_length import LONGEST
from clinical_dpo.terminal.progress import RunProgress

SHOWN = 5  # running jobs that have a line
WIDEST = 100  # columns of the terminal: the largest width of the bar with its numbers
ON_BAR = (LogEvent.JOB_INFO, LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.GROUP_INFO, LogEvent.PROGRESS)
SELECTS = "Select jobs to execute..."  # Snakemake writes this line before each group of jobs


def not_on_bar(record: logging.LogRecord) -> bool:
    """Whether a log record of Snakemake says something that the progress bar does not show."""
    return getattr(record, "event", None) not in ON_BAR and record.msg != SELECTS


class Display(logging.Handler):
    """A log handler that shows a progress bar on standard error, from `open` to `close`.

    The handler learns from Snakemake's log records which jobs start, finish and fail.
    """

    def __init__(self, progress: RunProgress, verb: str, *, color: bool = True) -> None:
        """Prepare the bar. It appears when `open` is called.

        Args:
            progress: the counts of the run's jobs.
            verb: the word that the bar shows for started jobs: `running` on this machine, `submitted` on a cluster.
            color: whether the bar has colours.
        """
        super().__init__()
        self.progress, self.verb = progress, verb
        self._streams: dict[int, int] = {}  # file descriptor of a standard stream -> copy that leads to the terminal
        terminal = open(os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace")  # noqa: SIM115
        self.console = Console(file=terminal, no_color=None if color else True, highlight=False, markup=False)
        self._live = Live(
            get_renderable=self.render,
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._drawing = threading.Lock()  # rich lets two threads erase the same bar, and a line above it is lost then
        self._closed = threading.Event()
        self._copying = threading.Thread(target=self._copy, daemon=True)
        self._ticking = threading.Thread(target=self._tick, daemon=True)

    def open(self) -> None:
        """Show the bar, and redirect standard output and standard error into a pipe until `close`.

        A stream that does not lead to a terminal is not redirected.
        """
        self._read, write = os.pipe()
        for name, number in (("stdout", 1), ("stderr", 2)):
            if os.isatty(number):
                getattr(sys, name).flush()
                self._streams[number] = os.dup(number)
                os.dup2(write, number)
        os.close(write)
        self._live.start(refresh=True)
        self._copying.start()
        self._ticking.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Update the progress from a log record of Snakemake, and redraw the bar."""
        fields = vars(record)
        match fields.get("event"):
            case LogEvent.JOB_INFO:
                wildcards = ", ".join(f"{name}={value}" for name, value in fields["wildcards"].items())
                self.progress.start(fields["jobid"], fields["rule_name"], wildcards)
            case LogEvent.JOB_FINISHED:
                self.progress.finish(fields["job_id"])
            case LogEvent.JOB_ERROR:
                self.progress.fail(fields["jobid"])
            case _:
                return
        if self._streams:
            self.refresh()

    def refresh(self) -> None:
        """Redraw the bar."""
        with self._drawing, contextlib.suppress(OSError):  # the terminal is gone
            self._live.refresh()

    def close(self) -> None:
        """Connect the standard streams to the terminal again, print the last redirected lines, and remove the bar."""
        if self._streams:
            for number, terminal in self._streams.items():
                os.dup2(terminal, number)
                os.close(terminal)
            self._streams = {}
            self._copying.join(timeout=1)  # a process that outlives its job keeps the pipe open
            self._closed.set()
            with self._drawing, contextlib.suppress(OSError):  # the terminal is gone
                self._live.stop()
        super().close()

    def render(self) -> RenderableType:
        """Return what the terminal shows: the bar, and one line for each of the longest-running jobs.

        At most SHOWN jobs have a line. If more jobs run, a last line such as "and 3 more running" counts the others.
        """
        progress, running = self.progress, self.progress.running()
        bar = Table.grid(padding=(0, 2), expand=True)
        bar.width = min(self.console.width, WIDEST)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True)
        left = progress.seconds_left()
        facts = [f"{progress.done} of {progress.total} jobs", f"{_time(progress.elapsed())} so far"]
        facts += [f"about {_time(left)} left"] if left is not None else []
        facts += [f"{progress.failed} failed"] if progress.failed else []
        bar.add_row(ProgressBar(total=max(progress.total, 1), completed=progress.done), ", ".join(facts))
        lines = [f"{self.verb} {_time(seconds)}  {job.rule}  {job.wildcards}" for job, seconds in running[:SHOWN]]
        lines += [f"and {len(running) - SHOWN} more {self.verb}"] if len(running) > SHOWN else []
        return Group(bar, *(Text(f"  {line}", no_wrap=True, overflow="ellipsis") for line in lines))

    def _copy(self) -> None:
        """Read lines from the pipe, and print them above the bar. Return when no process can write to the pipe.

        Lines of more than LONGEST characters are folded. If the terminal is gone, the lines are still read: a full pipe
        would stop the jobs that write to it.
        """
        decoder, gone = AnsiDecoder(), False
        with open(self._read, encoding="utf-8", errors="backslashreplace", newline="\n") as lines:
            for line in lines:
                text = decoder.decode_line(line.rstrip("\r\n"))
                parts = text.wrap(self.console, LONGEST) if len(text) > LONGEST else [text]
                try:
                    if not gone:
                        with self._drawing:
                            self.console.print(*parts, sep="\n", soft_wrap=True)
                except OSError:
                    gone = True

    def _tick(self) -> None:
        """Redraw the bar twice a second until `close`, so that its times stay current."""
        while not self._closed.wait(0.5):
            self.refresh()


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
