"""Replies of a server on disk, each written through the moment it arrives: a file that survives any kill.

JSON Lines, only ever appended to, with three kinds of rows: a call about to be made (`sent`), how it ended (`received`:
status, raw body, whether the body is a completion), and that a server takes no form of replies (`formless`). The file
lies outside the outputs of rules, which Snakemake deletes when a job fails.
"""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clinical_dpo.errors import PublicError
from clinical_dpo.io import read_jsonl


class ReplyStore:
    """The replies kept in a file, and the file open for more, from any thread.

    Attributes:
        bodies: digest of a call -> raw body of its completion.
        formless: servers, with their model, that take no form of replies.
        lost: calls that neither ended nor failed: those under way when a run was killed.
    """

    def __init__(self, path: str | Path, private: bool = False) -> None:
        """Open `path`, made where it is not there; other users cannot read a private one, nor its folder.

        Raises:
            UserError: it cannot be written, or holds a line that is not JSON.
        """
        self._lock = threading.Lock()
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if private:
                path.parent.chmod(0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600 if private else 0o666)
            if private:
                os.fchmod(self._file, 0o600)
            whole = path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(self._file, whole)  # a kill may cut the last row off
        except OSError as error:
            raise PublicError(f"{path}: replies cannot be kept ({error.strerror}). Nothing has been asked.") from None
        self.bodies: dict[str, str] = {}
        ended: dict[str, bool] = {}
        self.formless: set[str] = set()
        for row in read_jsonl(path):
            if row["event"] == "formless":
                self.formless.add(row["server"])
                continue
            ended[row["call"]] = row["event"] == "received"
            if row.get("completion"):
                self.bodies[row["call"]] = row["body"]
        self.lost = sum(not end for end in ended.values())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def note_formless(self, server: str) -> None:
        """Write down that a server takes no form of replies (`response_format`)."""
        self._append({"event": "formless", "server": server}, sync=False)
        self.formless.add(server)

    def note_call(self, call: str, **facts: Any) -> None:
        """Write down that a call is about to be made."""
        self._append({"event": "sent", "call": call, **facts}, sync=False)

    def keep(self, call: str, body: str, completion: bool, **facts: Any) -> None:
        """Write down how a call ended.

        Args:
            call: its digest.
            body: what came back, whatever it is.
            completion: whether that is a completion, and so need not be asked for again.
            facts: further fields of the row.
        """
        self._append({"event": "received", "call": call, "completion": completion, **facts, "body": body}, sync=True)
        if completion:
            self.bodies[call] = body

    def _append(self, row: dict[str, Any], sync: bool) -> None:
        stamped = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **row}
        line = (json.dumps(stamped, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        with self._lock:
            while line:
                line = line[os.write(self._file, line) :]
            if sync:
                os.fsync(self._file)
