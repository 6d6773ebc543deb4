"""The description of a training run: its base model, settings and output folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """A training run: its base model, settings and output folder."""

    base: str  # folder of the base model
    model: Mapping[str, Any]  # the model file's settings
    # The stage's settings with the trial's learning rate (and beta). `eval_steps` is None if only the end is evaluated.
    settings: Mapping[str, Any]
    steps: int | None  # number of optimizer steps; None to train for the epochs in `settings`
    out: str  # folder for the weights (safetensors), log.csv and run.json
    # Rows computed at once. This number changes results only by rounding, with one exception: in a short last step of
    # a DPO epoch, TRL gives each micro-batch the same weight, however many rows are in it.
    micro_batch_size: int
    micro_batch_tokens: int  # most tokens computed at once, in place of `micro_batch_size`; 0 for no such limit
    eval_batch_size: int  # rows computed at once in evaluation
    save_steps: int  # steps between two checkpoints
    gradient_checkpointing: bool  # recompute activations in the backward pass to save memory
    probe: bool = False  # write the curve of the eval loss and no weights
    code: str = ""  # digest of the training code; checkpoints of another digest are not resumed
    # Folder of the probe's stored weights, for the probe and for its trial; None for a stage without probes.
    probe_weights: str | None = None
    trainer_code: str = ""  # digest of the code that a probe and its trial share
