"""What every script does around its work: one log, and a user's mistake told without a traceback."""

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

# Importing PyTorch and what stands on it makes a million objects that stay. Looking for garbage among them takes a
# sixth of a short job's start. Scripts import this module first; a job sets a lower threshold once it has what it
# needs.
gc.set_threshold(1_000_000)
NOT_OF_RESULTS = {"code"}  # settings that say how a result was computed, not what it means
PRIVATE = ".private"  # a file of this name in a folder: logs below it may quote private text


class _Shown(io.TextIOWrapper):
    """A stream into a log that is read in a terminal, which nothing in it commands."""

    def write(self, text: str) -> int:
        """Write what is printable, and spell out the rest."""
        return super().write(printable(text))


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[SimpleNamespace]:
    """Give the block its rule's settings, and send all its output, that of C libraries included, to the rule's log.

    A UserError ends the process with status 1 and its message on the terminal and in the log. Any other exception
    leaves its traceback in the log and one line on the terminal. Where logs are PRIVATE, the terminal is told the log's
    name alone, and what of a UserError quotes no row.
    """
    log = snakemake.log[0]
    gc.freeze()  # what was imported stays: no use in looking for garbage among it
    gc.set_threshold(100_000)
    terminal = os.dup(2)
    private = any((folder / PRIVATE).exists() for folder in Path(log).parents)
    told_there = f"What is wrong may quote private text and stands in {log} alone." if private else None
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        sys.stdout, sys.stderr = _shown(1), _shown(2)
        try:
            yield _settings(snakemake)
        except UserError as error:
            _fail(terminal, str(error), error.public if told_there and error.public else told_there)
        except Exception as error:
            traceback.print_exc()
            _fail(terminal, f"{type(error).__name__}: {error} (traceback in {log})", told_there)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _shown(stream: int) -> _Shown:
    return _Shown(open(stream, "wb", closefd=False), encoding="utf-8", line_buffering=stream == 2)


def _settings(snakemake: Any) -> SimpleNamespace:
    """The rule's settings by name; `made_with` holds all of them that say what a result means, for its record."""
    settings = snakemake.params.get("settings", {})
    return SimpleNamespace(
        **settings, made_with={name: value for name, value in settings.items() if name not in NOT_OF_RESULTS}
    )


def _fail(terminal: int, message: str, instead: str | None) -> None:
    """End with a message in the log, and on the terminal with it or with what is to be said there instead."""
    os.write(2, f"{printable(message)}\n".encode())
    os.write(terminal, f"{printable(instead or message)}\n".encode())
    raise SystemExit(1)
