"""A program in a pseudo-terminal, and the text that a person sees there."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

ERASES = rb"(?=\r\x1b\[2K)"  # rich begins to erase the bar
COLUMNS, LINES = 400, 40  # wide, so that the terminal itself breaks no line of at most 300 characters


@dataclass(frozen=True)
class Seen:
    """What a program showed."""

    status: int
    screens: list[str]  # what the screen had before each change of the bar, and at the end
    text: str  # all lines at the end, with those that have left the screen


def in_terminal(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Seen:
    """Run a program whose standard streams are a terminal."""
    terminal, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"TERM": "xterm-256color"} | dict(environment or {}),
        stdin=program,
        stdout=program,
        stderr=program,
        start_new_session=True,
    )
    os.close(program)
    screen = pyte.HistoryScreen(COLUMNS, LINES, history=100_000)
    output = b"".join(iter(lambda: _read(terminal), b""))
    os.close(terminal)
    stream, screens = pyte.ByteStream(screen), []
    for part in re.split(ERASES, output):
        stream.feed(part)
        screens.append("\n".join(screen.display))
    past = ["".join(line[column].data for column in range(COLUMNS)) for line in screen.history.top]
    return Seen(process.wait(), screens, "\n".join(line.rstrip() for line in [*past, *screen.display]).rstrip() + "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the program has closed the terminal
        return b""
