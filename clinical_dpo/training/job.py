"""What the jobs that train have in common, whatever their stage."""

from importlib import import_module
from pathlib import Path
from typing import Any

from clinical_dpo.training.run import Run
from clinical_dpo.training.stages import SPEED, stage_module


def train_stage(snakemake: Any, params: Any, settings: dict[str, Any], steps: int | None, probe: bool = False) -> None:
    """Train one model of the job's stage.

    Args:
        snakemake: the job: its stage, the base model and the stage's own files among its inputs, run.json among its
            outputs, and SPEED among its resources.
        params: the rule's settings: `model`, those of the model file, and `code`, the digest of what runs.
        settings: of the stage, with the trial's values.
        steps: optimizer steps; None for all epochs.
        probe: whether the curve alone is kept, from which the plateau is read.
    """
    run = Run(
        base=str(Path(snakemake.input.base).parent),
        model=params.model,
        settings=settings,
        steps=steps,
        out=str(Path(snakemake.output.run).parent),
        probe=probe,
        code=params.code,
        **{key: snakemake.resources[key] for key in SPEED},
    )
    stage = import_module(stage_module(snakemake.wildcards.stage))
    stage.train(run, dict(snakemake.input.items()))
