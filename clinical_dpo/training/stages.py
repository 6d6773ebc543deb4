"""Facts about training that the workflow needs at its start, without training's imports."""

# Settings of a stage that change its speed and memory, not its results: rules pass them as resources.
SPEED_SETTINGS = ("micro_batch_size", "eval_batch_size", "save_steps", "gradient_checkpointing")


def stage_module(stage: str) -> str:
    """Name of the module that trains a stage. The code digest of a rule includes only this stage's module."""
    return f"clinical_dpo.training.{stage}"
