"""What a start needs to know of training."""

SPEED = ("micro_batch_size", "eval_batch_size", "save_steps", "gradient_checkpointing")  # of a stage: resources


def stage_module(stage: str) -> str:
    """Name of the module that trains a stage. A rule's digest of its code names it: the other is no part of it."""
    return f"clinical_dpo.training.{stage}"
