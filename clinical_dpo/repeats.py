"""The chosen trial trained again with another seed: nothing is chosen anew, so what differs is the seed's doing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.records import read_json
from clinical_dpo.training import Run


def repeat_of(
    chosen: str,
    seed: int,
    *,
    base: str,
    model: Mapping[str, Any],
    out: str,
    micro_batch_size: int,
    eval_batch_size: int,
) -> Run:
    """The run in `chosen` with another seed: its settings, its learning rate (and beta), as many steps as it took.

    Args:
        chosen: folder of the chosen trial, whose run.json says how it was trained.
        seed: of initialisation, order of the rows and dropout.
        base, model, out, micro_batch_size, eval_batch_size: as in `Run`.
    """
    record = read_json(Path(chosen) / "run.json")
    return Run(
        base=base,
        model=model,
        settings=record["settings"] | {"seed": seed},
        steps=record["steps"],
        out=out,
        micro_batch_size=micro_batch_size,
        eval_batch_size=eval_batch_size,
    )
