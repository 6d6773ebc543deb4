"""What a training run that ended early leaves for the next: checkpoints, and how often memory ran out."""

import json
import shutil
from pathlib import Path

from clinical_dpo.errors import PublicError
from clinical_dpo.io import read_json, write_json

DIGEST, OUT_OF_MEMORY = "digest.json", "out_of_memory.json"
STATE = "trainer_state.json"  # what the trainer writes last into a checkpoint


def checkpoint_folder(out: str, digest: str) -> Path:
    """Beside `out`, since Snakemake deletes a failed job's outputs; what another digest left there is dropped.

    Raises:
        UserError: nothing can be written there; better known now than at the first checkpoint.
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
            "Make room there, or give this user the right to write; nothing has been trained yet."
        ) from None
    return folder


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; those that were cut off while they were written are deleted."""
    whole = {}
    for path in folder.glob("checkpoint-*"):
        if _is_whole(path):
            whole[int(path.name.split("-")[1])] = path
        else:
            shutil.rmtree(path)
    return whole[max(whole)] if whole else None


def _is_whole(checkpoint: Path) -> bool:
    try:
        return checkpoint.name == f"checkpoint-{json.loads((checkpoint / STATE).read_bytes())['global_step']}"
    except (OSError, ValueError, KeyError):
        return False


def reduced_micro_batch(rows: int, folder: Path, batch_size: int) -> int:
    """Rows to train on at once: half as many after every attempt that ran out of memory.

    Args:
        rows: what the configuration asks for.
        folder: from `checkpoint_folder`.
        batch_size: rows a step; what is returned divides it, so that a step stays what it was.
    """
    record = folder / OUT_OF_MEMORY
    most = rows >> read_json(record) if record.exists() else rows
    return next((size for size in range(most, 1, -1) if batch_size % size == 0), 1)


def note_out_of_memory(folder: Path) -> None:
    """Make the next attempt compute half as many rows at once."""
    record = folder / OUT_OF_MEMORY
    write_json(record, (read_json(record) if record.exists() else 0) + 1)
