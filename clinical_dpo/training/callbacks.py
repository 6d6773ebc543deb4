"""Trainer callbacks: one writes lines of progress, one skips the checkpoint of the last step."""

from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback

from clinical_dpo.progress import Progress, say

# Key of the trainer's log -> name in a line of progress.
LOGGED = {"loss": "loss", "rewards/accuracies": "reward accuracy", "rewards/margins": "reward margin"}


class NoCheckpointAtTheEnd(TrainerCallback):
    """Skip the checkpoint of the last step.

    A trainer that resumes from a checkpoint of the last step would train one step too many.
    """

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """At the last step, cancel the saving of a checkpoint.

        The trainer calls this method after its decision to save.
        """
        if state.global_step >= state.max_steps:
            control.should_save = False


class TrainingProgress(TrainerCallback):
    """Write lines such as `step 40 of 500 (8%): loss 0.5836, 1.32 s/step, 0:10:07 left`.

    In DPO a line also has reward accuracy and reward margin. The callback reads the trainer's log and changes
    nothing. Between two entries of the trainer's log, a line without loss is written if 10 seconds have passed since
    the last line. Times are counted from the first step, without loading and without the evaluation before this step.
    """

    progress: Progress | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write a line such as `Resumed after step 40 of 500.` if the run resumes from a checkpoint."""
        if state.global_step:
            say(f"Resumed after step {state.global_step} of {state.max_steps}.")

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock, if this is the first step of the run."""
        if self.progress is None:
            self.progress = Progress("step", state.max_steps, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write a progress line without the loss if the last line is 10 seconds old, or if this is the last step.

        If the trainer logs this step, write nothing here, because `on_log` writes the line.
        """
        if self.progress is not None and not control.should_log:
            self.progress.advance(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """Write a line if the log entry has the key `loss` (training) or `eval_loss` (evaluation).

        The trainer's summary at the end has neither key, so no line is written for it.
        """
        logs = logs or {}
        if "eval_loss" in logs:
            say(f"eval at step {state.global_step}: {', '.join(_notes(logs, 'eval_'))}")
        elif "loss" in logs and self.progress is not None:
            self.progress.write_line(state.global_step, *_notes(logs))


def _notes(logs: Mapping[str, Any], prefix: str = "") -> list[str]:
    return [f"{name} {logs[prefix + key]:.4g}" for key, name in LOGGED.items() if prefix + key in logs]
