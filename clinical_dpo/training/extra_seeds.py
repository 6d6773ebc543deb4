"""Settings for training the chosen model again with another seed. All other settings stay the same."""

from typing import Any

from clinical_dpo.io import read_json


def reseeded_settings(run_record: str, seed: int) -> tuple[dict[str, Any], int]:
    """Settings of the chosen trial (training run) with another seed, and the trial's number of optimizer steps.

    Args:
        run_record: path of run.json of the chosen trial.
        seed: seed of the initialization, the order of the rows and dropout.
    """
    record = read_json(run_record)
    return record["settings"] | {"seed": seed}, record["steps"]
