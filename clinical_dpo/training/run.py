"""Parts of training that SFT and DPO share: checks of rows, checkpoints, resuming, log and record."""

import resource
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from clinical_dpo.checksums import RECORDS, write_checksums
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import read_jsonl, replacing, write_csv, write_json
from clinical_dpo.models.load import base_record, device_name, full_training_settings, load_base, save_trained
from clinical_dpo.progress import say
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import check_lengths
from clinical_dpo.training.checkpoints import checkpoint_folder, last_checkpoint, note_out_of_memory, reduced_tokens
from clinical_dpo.training.digests import input_digests, probe_digest, run_digest
from clinical_dpo.training.flat.architectures import computed_layout
from clinical_dpo.training.flat.collator import Collator
from clinical_dpo.training.flat.model import use_flat_layout, without_adapter
from clinical_dpo.training.lora import lora_layers
from clinical_dpo.training.micro_batches import TokenCollator
from clinical_dpo.training.probe_weights import reuse, store
from clinical_dpo.training.settings import Run
from clinical_dpo.versions import library_versions

if TYPE_CHECKING:
    from transformers import Trainer

LOG_COLUMNS = (
    *("step", "epoch", "split", "loss", "learning_rate", "grad_norm", "num_tokens", "mean_token_accuracy", "entropy"),
    *("rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/ties", "rewards/margins"),
    *("logps/chosen", "logps/rejected"),
)


@dataclass(frozen=True)
class Prepared:
    """A run's checked rows, its checkpoint folder, and the fields of run.json that are known before training."""

    tokenizer: Any
    rows: Mapping[str, list[Any]]  # `train` and `eval`; each a TaskRow in SFT, a Pair in DPO
    checkpoints: Path
    record: Mapping[str, Any]  # the fields of run.json that are known before training
    weights: str  # digest of everything that the run's weights depend on
    started: float  # reading of the monotonic clock at the start of loading, in seconds


def load_initial_model(run: Run, folder: str) -> Any:
    """Load the model that training starts from.

    If all weights are trained (no adapter), the weights are loaded as float32.

    Args:
        run: settings of the training.
        folder: folder of the model.
    """
    return load_base(folder, full_training_settings(run.model) if run.settings["adapter"] == "full" else run.model)


def prepare(run: Run, data: Mapping[str, str], completions: Sequence[str], inputs: Iterable[str] = ()) -> Prepared:
    """Read and check a run's rows, and make the run's checkpoint folder or use the existing one.

    Args:
        run: settings and output folder of the training.
        data: maps `train` and `eval` to the paths of their JSON Lines files.
        completions: names of the columns that hold answers.
        inputs: further files or folders that the run depends on.

    Raises:
        UserError: a prompt fills max_length, or an answer is empty.
    """
    started = time.monotonic()
    tokenizer = load_tokenizer(run.base)
    rows = {split: read_jsonl(path) for split, path in data.items()}
    max_length = run.settings["max_length"]
    lengths = {
        split: check_lengths(rows[split], tokenizer, max_length, completions, path) for split, path in data.items()
    }
    digests = input_digests([*data.values(), *inputs])
    base = base_record(run.base)
    digest, weights = run_digest(run, base, digests), probe_digest(run, base, digests)
    record = {
        "seed": run.settings["seed"],
        "settings": dict(run.settings),
        "model": dict(run.model),
        "config_digest": digest,
        "base_model": base,
        "inputs": digests,
        "lengths": lengths,
        "versions": library_versions(),
        "device": device_name(),
    }
    return Prepared(tokenizer, rows, checkpoint_folder(run.out, digest), record, weights, started)


def is_probe_again(run: Run, prepared: Prepared) -> bool:
    """Make a trial's output from the stored weights of its probe, if training the trial would give the same weights.

    A probe is the first, full-length run of a trial. The probe's curve of the eval loss determines for how many steps
    the trial is trained. If the output is made, the trial's checkpoint folder is deleted.

    Returns:
        Whether the output was made. If not, the run must be trained. A probe itself is always trained.
    """
    if run.probe or run.probe_weights is None:
        return False
    curve = run.settings["eval_steps"] is not None
    made = reuse(Path(run.probe_weights), prepared.weights, Path(run.out), prepared.record, curve)
    if made:
        say("This run equals its probe, whose weights are stored. Nothing is trained.")
        shutil.rmtree(prepared.checkpoints)
    return made


def train_and_save(
    run: Run, prepared: Prepared, trainer: Any, branches: int, check: Callable[[], None] = lambda: None
) -> None:
    """Train from the last checkpoint, or from the start if there is none. Write the results into `run.out`.

    The results are the weights, log.csv and run.json.

    Args:
        run: settings and output folder of the training. A probe (a run for the curve of the eval loss) writes no
            weights into `run.out`.
        prepared: the result of `prepare`.
        trainer: TRL's trainer, as constructed.
        branches: answers per prompt: 1 in SFT, 2 in DPO.
        check: function that checks the initial model before the first step. It raises a UserError if the check fails.
            It is not called if training resumes from a checkpoint.

    Raises:
        UserError: the check fails, or memory runs out. If memory runs out in training with several rows per
            micro-batch, the failure is counted, and the job halves the micro-batch when it is started again.
    """
    causal = without_adapter(trainer.model)
    layout, padded_because = computed_layout(causal, run.settings["layout"])
    collator = Collator(trainer.data_collator, branches if layout != "padded" else None)
    trainer.data_collator = collator
    if tokens := reduced_tokens(run.micro_batch_tokens, prepared.checkpoints):
        trainer.token_collator = TokenCollator(collator, tokens, branches)
    if layout != "padded":
        use_flat_layout(causal, layout)
    _set_callbacks(trainer)
    last = last_checkpoint(prepared.checkpoints)
    if last is None:
        check()
        collator.computed = collator.padded = 0
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    started = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except torch.OutOfMemoryError as error:
        raise _out_of_memory_error(trainer, prepared.checkpoints) from error
    seconds = time.monotonic() - started
    rows = log_rows(trainer.state.log_history)
    record = {
        **prepared.record,
        "steps": trainer.state.global_step,
        "lora_layers": lora_layers(trainer.model),
        "four_bit": bool(getattr(causal, "is_loaded_in_4bit", False)),
        "layout": layout,
        "padded_because": padded_because,
        "micro_batch_size": rows_at_once(trainer),
        "micro_batch_tokens": tokens,
        "gradient_checkpointing": run.gradient_checkpointing,
        "save_steps": run.save_steps,
        "resumed_from_step": int(last.name.split("-")[1]) if last else 0,
        "tokens_seen": trainer.state.num_input_tokens_seen,
        "padding_share": round(collator.padding_share, 4),
        "evaluations": trainer.evaluations,
        "loading_seconds": round(started - prepared.started, 2),
        "evaluation_seconds": round(trainer.evaluation_seconds, 2),
        "wall_seconds": round(seconds, 2),  # time of steps and evaluations
        "peak_memory_mib": round(_peak_memory() / 2**20),
    }

    def save(folder: Path) -> None:
        save_trained(trainer.model, prepared.tokenizer, folder)

    if run.probe and run.probe_weights:
        store(Path(run.probe_weights), prepared.weights, rows, record, LOG_COLUMNS, save)
    with replacing(run.out) as part:
        part.mkdir()
        write_csv(part / "log.csv", rows, LOG_COLUMNS)
        write_json(part / "run.json", record)
        if not run.probe:
            save(part)
            write_checksums(part, without=RECORDS)
    shutil.rmtree(prepared.checkpoints)


def _set_callbacks(trainer: "Trainer") -> None:
    """Set callbacks that write lines of progress and skip the checkpoint of the last step.

    The lines of progress replace the log entries that the trainer prints. log.csv has the values of these entries.
    """
    from transformers import PrinterCallback  # takes seconds to import; the trainer has already imported this module

    from clinical_dpo.training.callbacks import NoCheckpointAtTheEnd, TrainingProgress

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(TrainingProgress())
    trainer.add_callback(NoCheckpointAtTheEnd())


def _out_of_memory_error(trainer: Any, checkpoints: Path) -> UserError:
    """Return the error for a run that is out of memory. The error says what to change.

    If training computed several rows at once, the failure is also counted, so that the next attempt halves the
    micro-batch.
    """
    rows = rows_at_once(trainer)
    if not trainer.model.training:
        size = trainer.args.eval_batch_size
        mend = "Lower eval_batch_size." if size > 1 else "Use a GPU with more memory, or lower max_length."
        return PublicError(f"Out of memory in evaluation with {size} row{'s' * (size > 1)} at once. {mend}")
    key, halved = ("micro_batch_tokens", "tokens") if trainer.token_collator else ("micro_batch_size", "rows")
    if rows == 1:
        return PublicError(
            f"Out of memory in training, although the micro-batch has only one row (key '{key}'). Use a GPU with more "
            "memory, set gradient_checkpointing: true, lower max_length, or load the model in four bits (key "
            "'quantization')."
        )
    note_out_of_memory(checkpoints)
    return PublicError(
        f"Out of memory in training with {rows} rows at once (key '{key}'). Run again. The next attempt computes half "
        f"as many {halved} at once."
    )


def rows_at_once(trainer: Any) -> int:
    """The number of rows in the trainer's largest micro-batch so far.

    Without a `token_collator`, this is `per_device_train_batch_size`.
    """
    collator = trainer.token_collator
    return collator.most_rows if collator else trainer.args.per_device_train_batch_size


def _peak_memory() -> int:
    """Return the peak memory in bytes.

    With a GPU, this is the largest memory that PyTorch's allocator had in use on the GPU since the training began.
    Without a GPU, it is the largest resident memory of the process since the process began.
    """
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def log_rows(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Turn a trainer's log history into rows with the columns LOG_COLUMNS.

    There is one row for each step and split (train or eval) in the history. The rows are in the order of steps.
    """
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for entry in history:
        split = "eval" if "eval_loss" in entry else "train" if "loss" in entry else None
        if split is None:  # the trainer's closing summary
            continue
        prefix = "eval_" if split == "eval" else ""
        values = {column: entry.get(prefix + column) for column in LOG_COLUMNS}
        unprefixed = {key: entry[key] for key in ("step", "epoch")} | {"num_tokens": entry["num_input_tokens_seen"]}
        rows[entry["step"], split] = values | unprefixed | {"split": split}
    return [rows[key] for key in sorted(rows)]
