"""What every script does around its work: one log, and a user's mistake told without a traceback."""

import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from clinical_dpo.errors import UserError


@contextlib.contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Send all output of the block, that of C libraries included, to the file `log`.

    A UserError ends the process with status 1 and its message on the terminal and in the log. Any other exception
    leaves its traceback in the log and one line on the terminal.
    """
    gc.freeze()  # what was imported stays: no use in looking for garbage among it
    gc.set_threshold(100_000)
    terminal = os.dup(2)
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        try:
            yield
        except UserError as error:
            _fail(terminal, str(error))
        except Exception as error:
            traceback.print_exc()
            _fail(terminal, f"{type(error).__name__}: {error} (traceback in {log})")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _fail(terminal: int, message: str) -> None:
    for stream in (2, terminal):
        os.write(stream, f"{message}\n".encode())
    raise SystemExit(1)
