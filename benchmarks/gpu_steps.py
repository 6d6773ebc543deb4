"""Sections of `gpu_check`: training steps of 8B and 7B models at the published settings, and answers per second.

The compared ways to train are variants of `training_steps`, such as TRL as shipped and this project's trainer. Each
trains in its own process. While the base model is built, all processes import their libraries. A process loads its
model when its turn comes, so that the card holds one model at a time.
"""

import statistics
import tempfile
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.gpu_section import GB, Report, begin, check, model_file, shape
from benchmarks.random_rows import Case, random_model
from benchmarks.training import check_losses
from benchmarks.training_steps import DPO, LIVE, PRECOMPUTED, SFT, STOCK_SFT, prepare, quiet, work
from benchmarks.training_turns import SPAWN, Measured, start, take_turns

VARIANTS = {"sft": (STOCK_SFT, SFT), "dpo": (LIVE, PRECOMPUTED, DPO)}  # of each stage first TRL as shipped, last ours
SPREAD = 0.5  # of the lengths to either side of their mean
REPEATS = 11  # with the step of warm-up, complete passes over the rows
ANSWERS, NEW_TOKENS, ANSWER_REPEATS = 64, 32, 3


def llama_steps(report: Report) -> None:
    """Time training steps of Llama 3 8B in bfloat16, at the settings of Savage et al. 2025."""
    _steps(report, "llama3-8b-instruct", "llama", "uti")


def mistral_steps(report: Report) -> None:
    """Time training steps of BioMistral 7B in four bits, at the settings of Murphy 2024."""
    _steps(report, "biomistral-7b", "mistral", "pubmedqa")


def warm_work(variant: str, folder: Path, case: Case, setup: Namespace, parent: Any) -> None:
    """Import the libraries, wait for a message of `parent`, and then call `work` with the same arguments."""
    quiet()
    import peft  # noqa: F401
    import trl.trainer.dpo_trainer
    import trl.trainer.sft_trainer  # noqa: F401

    parent.recv()
    work(variant, folder, case, setup, parent)


def _steps(report: Report, name: str, arch: str, task: str) -> None:
    """Time the training steps of a model in all variants, and write a row for each variant.

    Args:
        report: receives the rows.
        name: name of the published model.
        arch: a key of ARCHITECTURES, such as `llama`.
        task: task from which the settings and the lengths of the rows come.
    """
    study = begin(report)
    model = model_file(study, name, report.on_card)
    tokens = study.tasks[task]["tokens"] if report.on_card else {"prompt": 20, "answer": 6}
    settings = {stage: study.training(task, stage) for stage in VARIANTS}
    lengths = (tokens["prompt"], tokens["answer"], model["sizes"]["vocab_size"])
    cases = {stage: Case(task, *lengths, own["batch_size"], own["micro_batch_size"]) for stage, own in settings.items()}
    setup = Namespace(
        arch=arch,
        shape=shape(model),
        model=model,
        loras={stage: own["lora"] for stage, own in settings.items()},
        spread=SPREAD,
        repeats=REPEATS if report.on_card else 2,
    )
    own, dpo = settings["sft"], settings["dpo"]
    report.note(
        f"{name}, random weights, {model['dtype']}{', four bits' if model.get('quantization') else ''}; "
        f"prompts of about {lengths[0]} tokens, answers {lengths[1]}. "
        f"SFT: LoRA of rank {own['lora']['rank']}, {own['batch_size']} rows a step, {own['micro_batch_size']} at "
        f"once. DPO: rank {dpo['lora']['rank']}, {dpo['batch_size']} pairs, {dpo['micro_batch_size']} at once. "
        f"Medians of {setup.repeats} steps. Share of the peak: operations of the flat layout's step, as the plan "
        "counts them, for all variants. The estimate is for the largest micro-batch. With its best settings, stock "
        "DPO has precomputed reference log-probabilities; stock SFT has no such setting."
    )
    with tempfile.TemporaryDirectory(dir=report.folder) as folder_name:
        folder = Path(folder_name)
        waiting = {
            variant: start([variant], folder, cases[stage], setup, warm_work)
            for stage, variants in VARIANTS.items()
            for variant in variants
        }
        with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
            most = max(cases.values(), key=lambda case: case.batch)
            pool.submit(prepare, folder, most, setup).result()
        measured: dict[str, Measured] = {}
        for stage, variants in VARIANTS.items():
            work_of_step = _flops(study, task, stage, model, folder, settings[stage]["batch_size"])
            for variant in variants:
                with report.attempt(variant):
                    (process,) = waiting[variant]
                    process.pipe.send("load")
                    measured |= take_turns([process], setup.repeats)
                    stock = measured.get(variants[0])
                    estimate = _estimate(study, task, stage, model, measured[variant]) if variant in (SFT, DPO) else ""
                    report.row(variant, *_numbers(measured[variant], stock, work_of_step, model), estimate)
        with report.attempt("first losses"):
            check(STOCK_SFT in measured, "stock SFT failed")
            check_losses({variant: each.facts["loss"] for variant, each in measured.items()})


def _flops(study: Any, task: str, stage: str, model: Any, folder: Path, batch: int) -> float:
    """Mean floating-point operations of a training step in the flat layout.

    Args:
        study: the published studies.
        task, stage: task and stage from which the settings come.
        model: the model file's settings.
        folder: folder with the rows and the tokenizer.
        batch: number of rows of a step.
    """
    from clinical_dpo.cluster.flops import answer_tokens, branch_tokens, training_flops
    from clinical_dpo.config.model_sizes import model_sizes
    from clinical_dpo.io import read_jsonl
    from clinical_dpo.tokenization.tokenizer import load_tokenizer
    from clinical_dpo.tokenization.tokens import tokenize_pair

    rows, tokenizer, sizes = read_jsonl(folder / "rows.jsonl"), load_tokenizer(folder), model_sizes(model)
    lora = sizes.lora_weights(study.adapter_rank(task, stage), model["lora_targets"])
    total = 0.0
    for row in rows:
        prompt, chosen, rejected = map(len, tokenize_pair(row, tokenizer))
        tokens = answer_tokens(prompt, chosen) if stage == "sft" else branch_tokens(prompt, chosen, rejected)
        total += training_flops(sizes, tokens, lora, checkpointed=False)
    return total / len(rows) * batch


def _numbers(taken: Measured, stock: Measured | None, flops: float, model: Any) -> list[str]:
    """Four cells of a variant's row: seconds per step, ratio to TRL, share of the card's peak, and peak memory in GB.

    Args:
        taken: measurements of the variant.
        stock: measurements of TRL as shipped, None if it failed. The ratio is its seconds per step divided by the
            variant's.
        flops: floating-point operations of a step.
        model: the model file's settings.
    """
    from clinical_dpo.cluster.cards import card_of_device
    from clinical_dpo.cluster.flops import compute_type
    from clinical_dpo.models.load import device_name

    card, seconds = card_of_device(device_name(), 1), statistics.median(taken.wall)
    return [
        f"{seconds:.3f}",
        f"{statistics.median(stock.wall) / seconds:.2f}" if stock else "",
        f"{flops / seconds / card.flops(compute_type(model)):.3f}" if card else "card not in cards.py",
        f"{taken.facts['memory'] * 2**20 / GB:.1f}",
    ]


def _estimate(study: Any, task: str, stage: str, model: Any, taken: Measured) -> str:
    """The plan's estimate of memory in GB, for the largest micro-batch of the measured variant."""
    from clinical_dpo.cluster.time_and_memory import compute_memory_mb

    micro_batch = {"micro_batch_tokens": taken.facts["largest"], "max_length": 1}
    settings, rank = study.training(task, stage) | micro_batch, study.adapter_rank(task, stage)
    return f"{compute_memory_mb(model, settings, 2 if stage == 'dpo' else 1, rank) * 1e6 / GB:.1f}"


def answers(report: Report) -> None:
    """Measure answers per second of Llama 3 8B, in batches sorted by length and in the file's order."""
    from benchmarks.generation import measure, prompts

    study = begin(report)
    model = model_file(study, "llama3-8b-instruct", report.on_card)
    vocabulary = model["sizes"]["vocab_size"]
    base, tokenizer = random_model("llama", vocabulary, shape(model), model["dtype"], initializer_range=0.06)
    number, new_tokens, repeats = (ANSWERS, NEW_TOKENS, ANSWER_REPEATS) if report.on_card else (8, 4, 1)
    rows = prompts(number, *((20, 800) if report.on_card else (5, 50)), vocabulary)
    batch = study.config["compute"]["generation_batch_size"]
    rates, equal = measure(base.eval(), tokenizer, rows, new_tokens, batch, repeats)
    report.note(
        f"Llama 3 8B, random weights, {model['dtype']}; {number} prompts of mixed lengths, {new_tokens} new tokens "
        f"each, {batch} at once; medians of {repeats}. {equal} of {number} answers of the two ways are equal: in 16 "
        "bits, other batches round differently."
    )
    for way, rate in rates.items():
        report.row(way, f"{rate:.2f}")
