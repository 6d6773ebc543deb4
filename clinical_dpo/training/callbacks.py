"""Callbacks of a training: a line of progress every `logging_steps`, and no save at the end."""

from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback

from clinical_dpo.progress import Progress, say

SHOWN = {"loss": "loss", "rewards/accuracies": "reward accuracy", "rewards/margins": "reward margin"}


class NoCheckpointAtTheEnd(TrainerCallback):
    """Leaves out the checkpoint of the last step: resumed from it, the trainer would take one step more."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After the trainer's own decision to save."""
        if state.global_step >= state.max_steps:
            control.should_save = False


class TrainingProgress(TrainerCallback):
    """`step 40 of 500 (8%): loss 0.5836, 1.32 s/step, 0:10:07 left`, DPO with reward accuracy and margin.

    It reads what the trainer logs and changes nothing. The clock starts with the first step, so that neither loading
    nor the evaluation before it counts.
    """

    progress: Progress | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say where a resumed run goes on."""
        if state.global_step:
            say(f"Resumed after step {state.global_step} of {state.max_steps}.")

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        if self.progress is None:
            self.progress = Progress("step", state.max_steps, state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """Write the line of a log entry or of an evaluation; the trainer's closing summary has none."""
        logs = logs or {}
        if "eval_loss" in logs:
            say(f"eval at step {state.global_step}: {', '.join(_notes(logs, 'eval_'))}")
        elif "loss" in logs and self.progress is not None:
            self.progress.tell(state.global_step, *_notes(logs))


def _notes(logs: Mapping[str, Any], prefix: str = "") -> list[str]:
    return [f"{name} {logs[prefix + key]:.4g}" for key, name in SHOWN.items() if prefix + key in logs]
