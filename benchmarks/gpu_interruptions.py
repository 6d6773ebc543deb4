"""Two sections of `gpu_check`: training that runs out of memory and is repeated, and training that is killed.

Each attempt runs in a process of its own, as a job of the workflow does.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.gpu_layouts import HALF, LOSS
from benchmarks.gpu_section import (
    GB,
    Report,
    begin,
    check,
    losses,
    model_file,
    relative_difference,
    save_study,
    trained_matrices,
    training_run,
)
from benchmarks.random_rows import Case
from benchmarks.training_turns import SPAWN

LAYERS = 4  # of the published width
LONG = 2000  # tokens of a row in the section of memory
BEYOND = 1.2  # least estimated memory of the micro-batch that does not fit / memory of the card
ATTEMPTS = 4
STEPS, SAVE_STEPS, KILLED_AFTER = 12, 4, 6
NOISE = 5  # largest difference of the resumed run / difference between two runs that nothing disturbed
LARGEST_NOISE = 0.01  # of the two runs; a larger one would hide a mistake


def out_of_memory(report: Report) -> None:
    """Check that training halves a micro-batch that does not fit into memory, and that each step keeps its rows."""
    import torch

    from clinical_dpo.cluster.time_and_memory import compute_memory_mb

    study = begin(report)
    name, task = "llama3-8b-instruct", "uti"
    model = model_file(study, name, report.on_card, LAYERS)
    prompt, answer = (LONG - 20, 20) if report.on_card else (20, 6)

    def estimate(rows: int) -> float:
        settings = study.training(task, "sft") | {"micro_batch_size": rows, "max_length": prompt + answer}
        return compute_memory_mb(model, settings, 1, study.adapter_rank(task, "sft")) * 1e6 / GB

    rows, limit = 4, "There is no card, so the check itself raises the error."
    if report.on_card:
        memory = torch.cuda.get_device_properties(0).total_memory / GB
        rows = next(2**power for power in range(1, 20) if estimate(2**power) > BEYOND * memory)
        limit = f"The card has {memory:.1f} GB."
    with tempfile.TemporaryDirectory(dir=report.folder) as folder_name:
        folder = Path(folder_name)
        case = Case(task, prompt, answer, model["sizes"]["vocab_size"], rows)
        save_study(folder, "llama", model, case, 2 * rows, spread=0.0)
        report.note(
            f"SFT of {model['sizes']['layers']} layers of the sizes of {name}, random weights, {model['dtype']}, rows "
            f"of {prompt + answer} tokens, {rows} a step, two steps. {limit} The estimate is for the micro-batch."
        )

        def run(out: str, at_once: int) -> Any:
            changes = {"batch_size": rows, "micro_batch_size": at_once, "eval_batch_size": 1, "max_length": LONG}
            return training_run(study, task, "sft", folder, model, folder / out, 2, **changes)

        failures, at_once = 0, rows
        fails = None if report.on_card else _MoreRows(rows // 2)
        while (status := _attempt([run("retried", rows)], folder, fails)) == REFUSED:
            failures, text = failures + 1, (folder / "error.txt").read_text(encoding="utf-8")
            check(text.startswith("Out of memory"), text)
            report.row(f"attempt {failures}", str(at_once), text, "", f"{estimate(at_once):.1f}")
            check(failures < ATTEMPTS, f"{ATTEMPTS} attempts ran out of memory")
            at_once //= 2
        check(status == 0, f"attempt {failures + 1} ended with status {status}")
        check(failures > 0, f"{rows} rows at once fit into memory")
        check(_attempt([run("fitting", at_once)], folder) == 0, f"{at_once} rows at once failed without an earlier try")
        record, other = _record(folder / "retried"), _record(folder / "fitting")
        worst = max(abs(a - b) for a, b in zip(losses(folder / "retried"), losses(folder / "fitting"), strict=True))
        report.row(
            *(f"attempt {failures + 1}", str(record["micro_batch_size"])),
            f"trained; losses differ by {worst:.2g} from a run that began with these rows",
            *(f"{record['peak_memory_mib'] * 2**20 / GB:.1f}", f"{estimate(at_once):.1f}"),
        )
        check(record["micro_batch_size"] == at_once, f"the retry computed {record['micro_batch_size']} rows at once")
        check(record["tokens_seen"] == other["tokens_seen"], "the retry's steps have other rows")
        check(worst <= LOSS * (HALF if report.on_card else 1), f"the retry's losses differ by {worst:.2g}")


def kill_and_resume(report: Report) -> None:
    """Check that killed training resumes from its checkpoint, and ends with the weights of undisturbed training."""
    study = begin(report)
    name, task = "biomistral-7b", "pubmedqa"
    model = model_file(study, name, report.on_card, LAYERS)
    with tempfile.TemporaryDirectory(dir=report.folder) as folder_name:
        folder = Path(folder_name)
        prompt, answer = (300, 40) if report.on_card else (20, 6)
        batch = study.training(task, "sft")["batch_size"]
        case = Case(task, prompt, answer, model["sizes"]["vocab_size"], batch)
        save_study(folder, "mistral", model, case, STEPS * batch)
        report.note(
            f"SFT of {model['sizes']['layers']} layers of the sizes of {name} in four bits, with dropout, {STEPS} "
            f"steps, a checkpoint every {SAVE_STEPS}. SIGKILL after step {KILLED_AFTER}. Difference: norm of the "
            "difference between the trained matrices B / their norm. PyTorch uses its deterministic kernels where it "
            f"has them. The resumed run may differ by {NOISE} times the difference between two undisturbed runs."
        )

        def run(out: str) -> Any:
            return training_run(study, task, "sft", folder, model, folder / out, STEPS, save_steps=SAVE_STEPS)

        check(_attempt([run("first"), run("second")], folder) == 0, "undisturbed training failed")
        status = _attempt([run("killed")], folder, _Kill(KILLED_AFTER))
        check(status == -signal.SIGKILL, f"training that should be killed ended with status {status}")
        check(_attempt([run("killed")], folder) == 0, "resumed training failed")
        resumed = _record(folder / "killed")["resumed_from_step"]
        first, second, killed = (trained_matrices(folder / out) for out in ("first", "second", "killed"))
        noise, difference = relative_difference(second, first), relative_difference(killed, first)
        report.row("undisturbed, again", "", f"{noise:.2g}")
        report.row("killed and resumed", str(resumed), f"{difference:.2g}")
        check(resumed == SAVE_STEPS, f"it resumed after step {resumed}, not {SAVE_STEPS}")
        check(noise <= LARGEST_NOISE, f"two undisturbed runs differ by {noise:.2g}, so nothing can be said")
        check(difference <= NOISE * noise, f"the resumed run differs by {difference:.2g}")


class _MoreRows:
    """Callback that raises an out-of-memory error if a micro-batch has more than `rows` rows, as on a full card."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __call__(self, args: Any, step: int) -> None:
        import torch

        if args.per_device_train_batch_size > self.rows:
            raise torch.OutOfMemoryError("out of memory")


class _Kill:
    """Callback that kills this process once `step` steps are done."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, args: Any, step: int) -> None:
        if step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


REFUSED = 3  # exit status of an attempt that ended with a UserError


def _attempt(runs: list[Any], folder: Path, before_step: Callable[[Any, int], None] | None = None) -> int | None:
    """Train some runs one after the other in a new process, and return the exit status of the process.

    Args:
        runs: the runs.
        folder: folder that `save_study` has filled. The message of a UserError is written to its `error.txt`.
        before_step: function that is called before each step, with the trainer's arguments and the number of steps
            done.
    """
    process = SPAWN.Process(target=_train, args=(runs, folder, before_step))
    process.start()
    process.join()
    return process.exitcode


def _train(runs: list[Any], folder: Path, before_step: Callable[[Any, int], None] | None) -> None:
    """Train the runs of `_attempt` in this process, with deterministic kernels wherever PyTorch has them."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    import torch

    from benchmarks.training_steps import quiet
    from clinical_dpo.errors import UserError
    from clinical_dpo.training.sft import train_sft

    quiet()
    torch.use_deterministic_algorithms(True, warn_only=True)
    with _calling(before_step):
        for run in runs:
            try:
                train_sft(run, *(str(folder / f"{split}.jsonl") for split in ("train", "eval")))
            except UserError as error:
                (folder / "error.txt").write_text(str(error), encoding="utf-8")
                raise SystemExit(REFUSED) from error


@contextmanager
def _calling(before_step: Callable[[Any, int], None] | None) -> Iterator[None]:
    """Let SFT call a function before every step within the `with` block. None changes nothing."""
    if before_step is None:
        yield
        return
    from transformers import TrainerCallback

    from clinical_dpo.training.run import train_and_save

    class BeforeStep(TrainerCallback):
        """Callback that calls `before_step` at the beginning of each step."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            before_step(args, state.global_step)

    def with_callback(run: Any, prepared: Any, trainer: Any, branches: int) -> None:
        trainer.add_callback(BeforeStep())
        train_and_save(run, prepared, trainer, branches)

    with patch("clinical_dpo.training.sft.train_and_save", with_callback):
        yield


def _record(out: Path) -> dict[str, Any]:
    """Read the run.json of a finished run.

    Args:
        out: folder of the run.
    """
    from clinical_dpo.io import read_json

    return read_json(out / "run.json")
