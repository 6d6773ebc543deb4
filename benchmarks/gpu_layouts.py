"""Section of `gpu_check`: the layouts flat, flex and padded must train the same model.

A layout is a way to arrange prompts and answers in batches. The section checks each precision that the card computes.
"""

import gc
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.gpu_section import (
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
from clinical_dpo.training.dpo import HALF_ROUNDING, ROUNDING

# Tolerances of tests/helpers/architectures.py: of a loss (nats, and relative), and of weights after steps of SGD, where
# a difference between weights is one between gradients. Those of 16 bits are larger by the ratio of the differences
# that DPO tolerates between equal models.
LOSS, GRADIENT = 2e-5, 1e-4
HALF = HALF_ROUNDING / ROUNDING
STEPS, ROWS, LAYERS, WINDOW = 2, 8, 2, 64  # the window is shorter than the prompts
MODEL, TASK = "mistral-7b-instruct", "uti"
SGD = {"optimizer": "sgd", "learning_rate": 0.1, "lr_scheduler_type": "constant", "warmup_steps": 0}


def layouts(report: Report) -> None:
    """Train SFT and DPO in every layout, and compare losses and gradients with those of the padded layout."""
    study = begin(report)
    model = model_file(study, MODEL, report.on_card, LAYERS)
    four_bit = study.models["biomistral-7b"]["quantization"]
    report.note(
        f"Mistral of width {model['sizes']['hidden_size']}, {model['sizes']['layers']} layers and an attention window "
        f"of {WINDOW} tokens, random weights. {STEPS} steps of SGD on {ROWS} rows of about 170 tokens. Gradients: norm "
        "of the difference between the trained matrices B / norm of those of padded rows. Tolerances in float32 are "
        f"those of the tests on CPUs; with 16 bits they are {HALF:g} times as large, as those of DPO's first step."
    )
    precisions = {"float32": model | {"dtype": "float32"}}
    if report.on_card:
        precisions |= {"bfloat16": model, "NF4, bfloat16": model | {"quantization": four_bit}}
    else:
        precisions["NF4, float32"] = model | {"quantization": four_bit | {"compute_dtype": "float32"}}
    for precision, settings in precisions.items():
        with tempfile.TemporaryDirectory(dir=report.folder) as name, report.attempt(precision):
            folder = Path(name)
            case = Case(TASK, 150, 20, model["sizes"]["vocab_size"], ROWS)
            save_study(folder, "mistral", settings, case, ROWS, sliding_window=WINDOW)
            for stage in ("sft", "dpo"):
                _compare(report, study, stage, precision, settings, folder)


def _compare(report: Report, study: Any, stage: str, precision: str, model: dict[str, Any], folder: Path) -> None:
    """Train one stage in every layout, and write a row for each layout that is compared with the padded one.

    The DPO of every layout starts from the SFT of the padded layout.

    Args:
        report: receives the rows.
        study: the published studies.
        stage: sft or dpo.
        precision: name of the precision for the table.
        model: the model file's settings.
        folder: folder that `save_study` has filled.
    """
    from clinical_dpo.cluster.flops import compute_type
    from clinical_dpo.training.reference_logps import compute_reference_logps

    factor = 1.0 if compute_type(model) == "float32" else HALF
    # Compiled in float32, FlexAttention's backward pass may need more shared memory than a card has.
    others = ["flat"] if report.on_card and factor == 1 else ["flat", "flex"]
    rank = study.training(TASK, "sft")["lora"]["rank"]
    if stage == "dpo":
        files: Any = {folder / f"{split}.parquet": folder / f"{split}.jsonl" for split in ("train", "eval")}
        compute_reference_logps(folder / "base", folder / "padded_sft", model, files, 2048, ROWS)
    trained: dict[str, Any] = {}
    for layout in ("padded", *others):
        with report.attempt(f"{precision}, {stage.upper()}, {layout}"):
            check(layout == "padded" or "padded" in trained, "padded rows failed")
            out = folder / f"{layout}_{stage}"
            _train(study, stage, layout, model, folder, out, report.on_card)
            gc.collect()  # a run's model
            trained[layout] = losses(out), trained_matrices(out, rank if stage == "dpo" else 0)
            if layout == "padded":
                continue
            pairs = zip(trained[layout][0], trained["padded"][0], strict=True)
            loss = max(abs(computed - expected) / (1 + abs(expected)) for computed, expected in pairs)
            gradient = relative_difference(trained[layout][1], trained["padded"][1])
            report.row(
                f"{precision}, {stage.upper()}, {layout}",
                *(f"{loss:.2g}", f"{factor * LOSS:g}", f"{gradient:.2g}", f"{factor * GRADIENT:g}"),
            )
            check(loss <= factor * LOSS, f"its losses differ from those of padded rows by {loss:.2g}")
            check(gradient <= factor * GRADIENT, f"its gradients differ from those of padded rows by {gradient:.2g}")


def _train(study: Any, stage: str, layout: str, model: Any, folder: Path, out: Path, on_card: bool) -> None:
    """Train a stage in a layout, and check that the run has used this layout.

    On a CPU torch refuses FlexAttention's backward pass. Here this refusal is switched off.
    """
    from clinical_dpo.io import read_json
    from clinical_dpo.training.dpo import train_dpo
    from clinical_dpo.training.sft import train_sft

    lora = study.training(TASK, stage)["lora"] | {"dropout": 0.0}
    batch = {"batch_size": ROWS, "micro_batch_size": ROWS}
    run = training_run(study, TASK, stage, folder, model, out, STEPS, layout=layout, lora=lora, **batch, **SGD)
    rows = [str(folder / f"{split}.jsonl") for split in ("train", "eval")]
    on_cpu = patch("torch.nn.attention.flex_attention._validate_device", lambda *tensors: None)
    with nullcontext() if on_card else on_cpu:
        if stage == "sft":
            train_sft(run, *rows)
        else:
            logps = [str(folder / f"{split}.parquet") for split in ("train", "eval")]
            train_dpo(run, *rows, *logps, str(folder / "padded_sft"))
    computed = read_json(out / "run.json")["layout"]
    check(computed == layout, f"the run computed the layout {computed}")
