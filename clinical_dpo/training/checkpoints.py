"""What an interrupted training run leaves for the next attempt: checkpoints, and how often memory has run out."""

import json
import shutil
from pathlib import Path

from clinical_dpo.errors import PublicError
from clinical_dpo.io import read_json, write_json

DIGEST, OUT_OF_MEMORY = "digest.json", "out_of_memory.json"
STATE = "trainer_state.json"  # the last file that the trainer writes into a checkpoint


def checkpoint_folder(out: str, digest: str) -> Path:
    """Make the checkpoint folder beside `out`, and delete checkpoints that were saved under another digest.

    The folder is not inside `out`, because Snakemake deletes the outputs of a failed job.

    Args:
        out: folder of the trained weights.
        digest: digest of everything that the training depends on.

    Returns:
        The checkpoint folder.

    Raises:
        PublicError: the folder cannot be written. This error comes before training, not at the first checkpoint.
    """
    folder = Path(f"{out}.checkpoints")
    record = folder / DIGEST
    try:
        if folder.exists() and (not record.exists() or read_json(record) != digest):
            shutil.rmtree(folder)
        write_json(record, digest)
    except OSError as error:
        raise PublicError(
            f"{folder}: checkpoints cannot be written ({error.strerror}). "
            "This attempt has not trained anything yet. Make free space on this disk, or give this user permission to "
            "write. Keep the folder: it may have a checkpoint of an earlier attempt, from which training resumes."
        ) from None
    return folder


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint in a folder, or None if there is none. Delete incomplete checkpoints."""
    complete = {}
    for path in folder.glob("checkpoint-*"):
        if _is_complete(path):
            complete[int(path.name.split("-")[1])] = path
        else:
            shutil.rmtree(path)
    return complete[max(complete)] if complete else None


def _is_complete(checkpoint: Path) -> bool:
    try:
        return checkpoint.name == f"checkpoint-{json.loads((checkpoint / STATE).read_bytes())['global_step']}"
    except (OSError, ValueError, KeyError):
        return False


def reduced_micro_batch(rows: int, folder: Path, batch_size: int) -> int:
    """Return the number of rows in a micro-batch. Every earlier out-of-memory failure halves the configured number.

    Args:
        rows: configured number of rows.
        folder: the result of `checkpoint_folder`. A file in this folder counts the out-of-memory failures.
        batch_size: rows per optimizer step. The result is the largest divisor of `batch_size` that is at most the
            halved number, so that a step has the same rows as before.
    """
    record = folder / OUT_OF_MEMORY
    largest = rows >> read_json(record) if record.exists() else rows
    return next((size for size in range(largest, 1, -1) if batch_size % size == 0), 1)


def reduced_tokens(tokens: int, folder: Path) -> int:
    """Return the maximum number of tokens per micro-batch: `tokens`, halved once for every out-of-memory failure.

    The result is 0 if `tokens` is 0, and at least 1 otherwise.

    Args:
        tokens: configured maximum. 0 means that a micro-batch is limited by its rows, not by its tokens.
        folder: the result of `checkpoint_folder`. A file in this folder counts the out-of-memory failures.
    """
    record = folder / OUT_OF_MEMORY
    return max(tokens >> (read_json(record) if record.exists() else 0), 1) if tokens else 0


def note_out_of_memory(folder: Path) -> None:
    """Add 1 to the number of out-of-memory failures in the checkpoint folder. The next attempt halves the micro-batch.

    `reduced_micro_batch` and `reduced_tokens` read this number.
    """
    record = folder / OUT_OF_MEMORY
    write_json(record, (read_json(record) if record.exists() else 0) + 1)
