"""Common code of all scripts. All output goes to one log, and a user's mistake is printed without a traceback."""

import contextlib
import gc
import io
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.escaping import printable
from clinical_dpo.io import remove_unfinished

# Importing PyTorch and the libraries that use it creates a million permanent objects. Garbage collection of these
# objects would add 32% to the time of a training job of the demo, 44% to a prediction, and an estimated 15% to the
# whole demo. Scripts import this module first, so that the high threshold holds during their other imports. `job`
# then sets a lower threshold.
gc.set_threshold(1_000_000)
NOT_OF_RESULTS = {"code"}  # settings of a rule that do not change the meaning of its results
PRIVATE = ".private"  # name of a file that marks a folder whose logs may quote private text


class _Shown(io.TextIOWrapper):
    """A text stream into a log. It escapes characters that could command a terminal on which the log is shown."""

    def write(self, text: str) -> int:
        """Write a text with its unprintable characters escaped."""
        return super().write(printable(text))


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[SimpleNamespace]:
    """Run the `with` block of a script: yield the rule's settings, and send all output of the block to the rule's log.

    Output of C libraries goes to the log too. Before the block starts, unfinished outputs of the rule are removed. A
    killed process may have left them.

    An exception in the block ends the process with status 1. For a UserError, the terminal and the log show its
    message. For any other exception, the log shows the traceback, and the terminal shows one line.

    A log is private if a folder on its path has a file with the name PRIVATE. If a log is private, the terminal
    shows the public message of a UserError. For an error without a public message, the terminal only refers to the log.

    Args:
        snakemake: the object that Snakemake passes to a script.
    """
    log = snakemake.log[0]
    gc.freeze()  # garbage collection skips the objects that exist now, because imported objects are permanent
    gc.set_threshold(100_000)
    terminal = os.dup(2)
    private = any((folder / PRIVATE).exists() for folder in Path(log).parents)
    instead = f"The error may quote private text. Read it in {log}." if private else None
    for path in {path for output in snakemake.output for path in (Path(output), Path(output).parent)}:
        remove_unfinished(path)
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        sys.stdout, sys.stderr = _shown(1), _shown(2)
        try:
            yield _settings(snakemake)
        except UserError as error:
            _fail(terminal, str(error), error.public if instead and error.public else instead)
        except Exception as error:
            traceback.print_exc()
            _fail(terminal, f"{type(error).__name__}: {error} (traceback in {log})", instead)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _shown(stream: int) -> _Shown:
    """A text stream that escapes unprintable characters and writes the text to the file descriptor `stream`."""
    return _Shown(open(stream, "wb", closefd=False), encoding="utf-8", line_buffering=stream == 2)


def _settings(snakemake: Any) -> SimpleNamespace:
    """The rule's settings as attributes, plus `made_with`: the settings that change the meaning of the results."""
    settings = snakemake.params.get("settings", {})
    return SimpleNamespace(
        **settings, made_with={name: value for name, value in settings.items() if name not in NOT_OF_RESULTS}
    )


def _fail(terminal: int, message: str, instead: str | None) -> None:
    """Write the message to the log, and `instead` to the terminal. Exit with status 1.

    If `instead` is None, the terminal shows the message too.
    """
    os.write(2, f"{printable(message)}\n".encode())
    os.write(terminal, f"{printable(instead or message)}\n".encode())
    raise SystemExit(1)
