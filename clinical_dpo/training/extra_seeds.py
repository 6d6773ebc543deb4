"""The chosen trial trained again with another seed: nothing is chosen anew, so what differs is the seed's doing."""

from typing import Any

from clinical_dpo.io import read_json


def reseeded_settings(chosen: str, seed: int) -> tuple[dict[str, Any], int]:
    """The settings of a trained model with another seed, and as many steps as it took.

    Args:
        chosen: run.json of the chosen trial.
        seed: of initialisation, order of the rows and dropout.
    """
    record = read_json(chosen)
    return record["settings"] | {"seed": seed}, record["steps"]
