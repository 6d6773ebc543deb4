"""What a training run is: its initial model, settings and output folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """A training run: initial model, settings and output folder."""

    base: str  # folder of the base model
    model: Mapping[str, Any]  # the model file's settings
    # The stage's settings with the trial's learning rate (and beta). `eval_steps` is None for an evaluation at the end.
    settings: Mapping[str, Any]
    steps: int | None  # optimizer steps; None for the settings' epochs
    out: str  # folder for the weights (safetensors), log.csv and run.json
    # Rows computed at once. This size changes results only by rounding, with one exception: in a short last step of a
    # DPO epoch, TRL gives each micro-batch the same weight, whatever the number of rows in it.
    micro_batch_size: int
    micro_batch_tokens: int  # tokens computed at once, in place of rows; 0 for rows
    eval_batch_size: int
    save_steps: int  # steps between two checkpoints
    gradient_checkpointing: bool  # recompute activations in the backward pass to save memory
    probe: bool = False  # save the eval curve and no weights
    code: str = ""  # digest of the training code; checkpoints of another digest are not resumed
    # Folder of the probe's weights, for a probe and for a second run; None for a stage without probes.
    probe_weights: str | None = None
    trainer_code: str = ""  # digest of the code that probe and second run share
