"""Store a server's replies in a file. Each reply is synced to disk on arrival, so that a killed job loses none.

The file is JSON Lines, and rows are only appended. The field `event` of a row is one of these:

- `sent`: a call is about to be made.
- `received`: the outcome of a call: its status, its body, and whether the body has a reply.
- `refused`: the refusal of a call.
- `formless`: the server refuses requests with a JSON schema for the reply.

No rule declares the file as its output, because Snakemake deletes the outputs of a failed job.
"""

import json
import os
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clinical_dpo.endpoints.replies import Reply
from clinical_dpo.errors import PublicError
from clinical_dpo.io import read_jsonl


class ReplyStore:
    """The stored replies, and the open file that holds them. Any thread may append to the file.

    Attributes:
        bodies: digest of a call -> raw body of the completion.
        refusals: digest of a call -> latest refusal of the call. In this refusal, `calls`, `prompt_tokens` and
            `completion_tokens` are sums over all refusals of the call.
        servers_without_schema: servers that refuse a JSON schema for replies, each named by address and model.
        interrupted: number of calls that were sent but have no stored outcome, because a kill interrupted them.
    """

    def __init__(self, path: str | Path, private: bool = False) -> None:
        """Open the file of replies, or create it.

        If `private` is true, the file and its folder are closed to other users.

        Raises:
            UserError: the file cannot be written, or has a line that is not JSON.
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
            complete = path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(self._file, complete)  # a kill may leave an incomplete last row
        except OSError as error:
            raise PublicError(
                f"{path}: replies cannot be saved ({error.strerror}). No call has been made. If the disk is full, "
                "delete files from it. Otherwise, give the user who runs this program permission to write to the file "
                "and to its folder."
            ) from None
        self.bodies: dict[str, str] = {}
        self.refusals: dict[str, Reply] = {}
        has_outcome: dict[str, bool] = {}
        self.servers_without_schema: set[str] = set()
        for row in read_jsonl(path):
            if row["event"] == "formless":
                self.servers_without_schema.add(row["server"])
                continue
            if row["event"] == "refused":
                self._add_refusal(row["call"], Reply(**row["refusal"]))
                continue
            has_outcome[row["call"]] = row["event"] == "received"
            if row.get("completion"):
                self.bodies[row["call"]] = row["body"]
        self.interrupted = sum(not ended for ended in has_outcome.values())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def note_schema_refusal(self, server: str) -> None:
        """Record that a server refuses a JSON schema for replies (`response_format`)."""
        self._append({"event": "formless", "server": server}, sync=False)
        self.servers_without_schema.add(server)

    def keep_refusal(self, call: str, refusal: Reply) -> None:
        """Record that the server refused a call. A later run makes the call again.

        Args:
            call: digest of the call.
            refusal: the refusal, with its code.
        """
        self._append({"event": "refused", "call": call, "refusal": asdict(refusal)}, sync=True)
        self._add_refusal(call, refusal)

    def _add_refusal(self, call: str, refusal: Reply) -> None:
        earlier = self.refusals.get(call, replace(refusal, prompt_tokens=0, completion_tokens=0, calls=0))
        self.refusals[call] = replace(
            refusal,
            prompt_tokens=earlier.prompt_tokens + refusal.prompt_tokens,
            completion_tokens=earlier.completion_tokens + refusal.completion_tokens,
            calls=earlier.calls + refusal.calls,
        )

    def note_call(self, call: str, **facts: Any) -> None:
        """Record that a call is about to be made.

        Args:
            call: digest of the call.
            facts: further fields of the row that is appended to the file.
        """
        self._append({"event": "sent", "call": call, **facts}, sync=False)

    def keep(self, call: str, body: str, completion: bool, **facts: Any) -> None:
        """Record the outcome of a call, and sync it to disk.

        Args:
            call: digest of the call.
            body: body of the response, whatever it contains.
            completion: whether the body is a completion with a reply. If true, the call is never made again.
            facts: further fields of the row that is appended to the file.
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
