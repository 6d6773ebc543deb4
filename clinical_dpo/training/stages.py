"""Facts about training that the workflow needs at its start. This module does not import the training code."""

PROBE_WEIGHTS = "probe.weights"  # folder of a probe's weights in its trial's folder; not an output of a rule
# Settings that change the speed and memory of a stage, but not its results. Rules pass these settings as resources.
SPEED_SETTINGS = (
    *("micro_batch_size", "micro_batch_tokens", "eval_batch_size", "save_steps", "gradient_checkpointing"),
)


MODULES = {"dpo_sft": "dpo"}  # stage -> module that trains it, if the names differ


def stage_module(stage: str) -> str:
    """Name of the module that trains a stage: `clinical_dpo.training.sft` for the stage `sft`.

    A training job's code digest includes the module of the job's own stage, not the modules of all stages.
    """
    return f"clinical_dpo.training.{MODULES.get(stage, stage)}"
