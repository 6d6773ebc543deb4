"""The chosen trial trained again with another seed: nothing is chosen anew, so what differs is the seed's doing."""

from typing import Any

from clinical_dpo.io import read_json
from clinical_dpo.training.run import Run


def repeat_of(chosen: str, seed: int, **others: Any) -> Run:
    """The run in `chosen` with another seed: its settings, its learning rate (and beta), as many steps as it took.

    Args:
        chosen: run.json of the chosen trial.
        seed: of initialisation, order of the rows and dropout.
        others: the other fields of `Run`.
    """
    record = read_json(chosen)
    return Run(settings=record["settings"] | {"seed": seed}, steps=record["steps"], **others)
