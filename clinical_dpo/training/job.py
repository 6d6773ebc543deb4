"""Train the model of one Snakemake job. The job's stage, such as sft or dpo, chooses the training code."""

from importlib import import_module
from pathlib import Path
from typing import Any

from clinical_dpo.code_digest import code_digest
from clinical_dpo.training.settings import Run
from clinical_dpo.training.stages import PROBE_WEIGHTS, SPEED_SETTINGS, stage_module


def train_stage(snakemake: Any, params: Any, settings: dict[str, Any], steps: int | None, probe: bool = False) -> None:
    """Train one model of the job's stage, such as sft or dpo.

    Args:
        snakemake: Snakemake's job. `wildcards` has the stage. `input` has the base model and the stage's files.
            `output` has run.json. `resources` has the settings that `stages.SPEED_SETTINGS` names.
        params: parameters of the job's rule. `model` has the settings of the model file. `code` is the digest of the
            code.
        settings: settings of the stage, with the learning rate (and beta) of this trial.
        steps: number of optimizer steps. None trains for the number of epochs in `settings`.
        probe: whether the run is a probe. The output of a probe has the curve of the eval loss and no weights. Rule
            find_plateau uses this curve to find the step at which the eval loss flattens.
    """
    out, stage = Path(snakemake.output.run).parent, stage_module(snakemake.wildcards.stage)
    has_probe = probe or bool(snakemake.input.get("plateau"))
    run = Run(
        base=str(Path(snakemake.input.base).parent),
        model=params.model,
        settings=settings,
        steps=steps,
        out=str(out),
        probe=probe,
        code=params.code,
        probe_weights=str(out.with_name(PROBE_WEIGHTS)) if has_probe else None,
        trainer_code=code_digest(Path(__file__), [stage]) if has_probe else "",
        **{key: snakemake.resources[key] for key in SPEED_SETTINGS},
    )
    import_module(stage).train(run, dict(snakemake.input.items()))
