"""What the sections of `gpu_check` share: a section's report, published settings, random models of real sizes.

`python -m benchmarks.gpu_section FUNCTION ROWS DEVICE` runs a section, such as `benchmarks.gpu_layouts:layouts`, on
cuda or cpu, and writes its lines to the file ROWS.
"""

import json
import os
import random
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from clinical_dpo.progress import say

# Shapes of `--device cpu`, on which the sections run in seconds. Numbers of other sizes are those of the card.
TINY = {"vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "layers": 2, "heads": 4, "kv_heads": 2}
POSITIONS = 8192  # longest row of the random models
GB = 1e9


class Report:
    """A file of JSON Lines with what a section has measured. Each line is written immediately.

    A line has one key: `row`, `note`, `failed` or `device`.
    """

    def __init__(self, path: str | Path, on_card: bool) -> None:
        """Set the file of the report. The section may write other files into the same folder.

        Args:
            path: the file.
            on_card: True if the section computes on a CUDA card with the published sizes, False for tiny sizes on a
                CPU.
        """
        self.path, self.on_card = Path(path), on_card
        self.folder = self.path.parent

    def _write(self, kind: str, value: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({kind: value}) + "\n")

    def device(self, name: str) -> None:
        """Write the name of the device to the report."""
        self._write("device", name)

    def row(self, *cells: str) -> None:
        """Write a row of the section's table."""
        self._write("row", cells)
        say("  " + " | ".join(cells))

    def note(self, text: str) -> None:
        """Write a sentence that the page shows above the section's table."""
        self._write("note", text)
        say(f"  {text}")

    def fail(self, name: str, problem: str) -> None:
        """Write a failure.

        Args:
            name: what failed.
            problem: why.
        """
        self._write("failed", (name, problem))
        say(f"  {name} | FAILED: {problem}")

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Run the `with` block. If it raises, print the error and write a failure; the code after the block still runs.

        Args:
            name: name of the block in the failure.
        """
        try:
            yield
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            message = " ".join(str(error).split())[:300]
            self.fail(name, f"{type(error).__name__}: {message}")


def check(holds: bool, problem: str) -> None:
    """Raise an AssertionError with the message `problem` if `holds` is False."""
    if not holds:
        raise AssertionError(problem)


def begin(report: Report) -> Any:
    """Prepare the process as a job of the workflow does, report the device, and return the published studies."""
    from benchmarks.training_steps import quiet

    quiet()
    import torch

    from clinical_dpo.config.loading import load_study
    from clinical_dpo.models.load import device_name, prepare_process
    from clinical_dpo.yaml_files import read_yaml

    prepare_process(1, int(report.on_card))
    check(not report.on_card or torch.cuda.is_available(), "PyTorch finds no CUDA card.")
    report.device(device_name())
    root = Path(__file__).resolve().parent.parent
    return load_study(read_yaml(root / "config/config.yaml"), root)


def model_file(study: Any, name: str, on_card: bool, layers: int | None = None) -> dict[str, Any]:
    """Settings of a published model. On a CPU the model has the sizes TINY and computes in float32.

    Args:
        study: the published studies.
        name: name of the model.
        on_card: whether the section computes on a CUDA card.
        layers: number of layers on a card; None for the published number.
    """
    settings = dict(study.models[name])
    if not on_card:
        four_bit = settings.get("quantization")
        settings |= {"dtype": "float32", "quantization": four_bit and four_bit | {"compute_dtype": "float32"}}
    if layers or not on_card:
        del settings["parameters"]  # so that the weights are counted from the sizes
        settings["sizes"] = settings["sizes"] | {"layers": layers} if on_card else TINY
    return settings


def shape(model: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments that set a model's sizes in a configuration of transformers, except the vocabulary.

    Args:
        model: the model file's settings.
    """
    from clinical_dpo.model_files import SIZES

    sizes = {SIZES[key]: value for key, value in model["sizes"].items() if key != "vocab_size"}
    return sizes | {"max_position_embeddings": POSITIONS}


def save_study(
    folder: Path, arch: str, model: Mapping[str, Any], case: Any, rows: int, spread: float = 0.5, **changes: Any
) -> None:
    """Write a random base model, and random rows for training and evaluation that serve both SFT and DPO.

    Args:
        folder: folder to fill.
        arch: a key of ARCHITECTURES, such as `llama`.
        model: the model file's settings.
        case: lengths and vocabulary of the rows.
        rows: number of training rows.
        spread: largest deviation of a length from its mean, as a share of the mean.
        changes: further keyword arguments of the model's configuration.
    """
    import torch

    from benchmarks.random_rows import random_model, random_row
    from clinical_dpo.checksums import BASE_RECORD
    from clinical_dpo.io import write_json, write_jsonl

    base, tokenizer = random_model(arch, model["sizes"]["vocab_size"], shape(model), model["dtype"], **changes)
    base.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    del base
    torch.cuda.empty_cache()  # so that the processes that train have the whole card
    write_json(folder / "base" / BASE_RECORD, {"source": "random", "id": arch, "revision": "gpu-check"})
    draw = random.Random(0)
    for name, count in (("train", rows), ("eval", 2)):
        write_jsonl(folder / f"{name}.jsonl", [random_row(draw, case, spread, f"{name}{i}") for i in range(count)])


def training_run(
    study: Any, task: str, stage: str, folder: Path, model: Mapping[str, Any], out: Path, steps: int, **changes: Any
) -> Any:
    """Settings of a stage of a published task, with the first values of the stage's sweep.

    Args:
        study: the published studies.
        task, stage: task and stage from which the settings come.
        folder: folder that `save_study` has filled.
        model: the model file's settings.
        out: folder for the result.
        steps: number of optimizer steps.
        changes: settings, or fields of the run, that replace the published ones.

    Returns:
        A `Run` for `train_sft` or `train_dpo`.
    """
    from clinical_dpo.training.settings import Run

    settings = study.training(task, stage) | next(iter(study.trials(task, stage).values()))
    settings |= {"logging_steps": 1, "eval_steps": None} | changes
    speed = ("micro_batch_size", "micro_batch_tokens", "eval_batch_size", "save_steps", "gradient_checkpointing")
    own = {key: settings.pop(key) for key in speed}
    own["micro_batch_tokens"] = own["micro_batch_tokens"] or 0
    return Run(base=str(folder / "base"), model=model, settings=settings, steps=steps, out=str(out), **own)


def losses(out: Path) -> list[float]:
    """Training losses of a finished run, in order of step.

    Args:
        out: folder of the run.
    """
    from clinical_dpo.io import read_csv

    return [float(row["loss"]) for row in read_csv(out / "log.csv") if row["split"] == "train"]


def trained_matrices(out: Path, frozen: int = 0) -> Any:
    """The LoRA matrices B of a finished run, concatenated in one vector. Training starts with zeros in these matrices.

    Args:
        out: folder of the run.
        frozen: number of ranks to leave out. They come first, and the run did not train them.
    """
    import torch
    from safetensors.torch import load_file

    weights = load_file(out / "adapter_model.safetensors")
    return torch.cat([weights[name][:, frozen:].flatten() for name in sorted(weights) if "lora_B" in name])


def relative_difference(weights: Any, expected: Any) -> float:
    """Norm of the difference between two vectors, as a share of the norm of the second."""
    return float((weights.double() - expected.double()).norm() / expected.double().norm())


def main(function: str, rows: str, device: str) -> None:
    """Run a section. An error that the section does not catch itself becomes a failure in its report.

    Args:
        function: the section's function, as `module:function`.
        rows: file of the report.
        device: cuda or cpu.
    """
    os.environ["TORCHDYNAMO_DISABLE"] = "1"  # as in the workflow's jobs
    report = Report(rows, device == "cuda")
    with report.attempt("section"):
        module, name = function.split(":")
        getattr(import_module(module), name)(report)


if __name__ == "__main__":
    main(*sys.argv[1:])
