"""Time and memory of a training step: stock TRL against the flat layout. Writes benchmarks/training.md.

Every variant trains in a process of its own, in TRL's own loop, on the same rows in the same order. On a CPU the
variants take turns, step by step, so that a busy minute slows them all; on a GPU one follows the other, since their
models would not fit beside each other. Run it from the project's folder: `python -m benchmarks.training --help`.
"""

import argparse
import multiprocessing
import platform
import random
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.training_steps import (
    CPU_SHAPE,
    DPO,
    GPU_SHAPE,
    GPU_VOCABULARY,
    LIVE,
    LIVE_COMPACT,
    PRECOMPUTED,
    QUICK_SHAPE,
    REFERENCE,
    SFT,
    STOCK_SFT,
    TARGETS,
    Case,
    prepare,
    work,
)

TABLE = Path(__file__).parent / "training.md"
VARIANTS = (LIVE, PRECOMPUTED, LIVE_COMPACT, STOCK_SFT, SFT, DPO, REFERENCE)
NF4 = {"type": "nf4", "double": True, "compute_dtype": "bfloat16"}  # as in config/models/biomistral-7b.yaml
TRIALS = 12
LN2 = 0.6931  # DPO's loss where policy and reference are one
DRAWS = 2000
SPAWN = multiprocessing.get_context("spawn")  # ru_maxrss of a forked process begins with its parent's
CASES = (
    Case("Label tasks", 200, 6, 8192, 8),
    Case("Short answers", 150, 20, 8192, 8),
    Case("Summaries", 800, 100, 8192, 4),
    Case("Label tasks, large vocabulary", 200, 6, 32768, 8),
)
# Stock DPO : ours as shipped and with the compact head in both, at least; our DPO : stock SFT, our DPO : our SFT and
# our SFT : stock SFT, at most.
WANTED = {
    "Label tasks": (4.0, 2.6, 0.95, 1.15, 0.82),
    "Short answers": (4.5, 2.6, 0.9, 1.05, 0.82),
    "Summaries": (3.8, 2.6, 1.0, 1.25, 0.82),
    "Label tasks, large vocabulary": (10.0, 2.6, 0.95, 1.15, 0.35),
}
MEMORY, SWEEP = 1.25, 4.0


class Measured(NamedTuple):
    """What one variant took: seconds per repeat, and its process's account."""

    wall: list[float]
    cpu: list[float]
    facts: dict[str, Any]


def measure(case: Case, setup: argparse.Namespace) -> tuple[str, dict[str, Measured]]:
    """The device's name, and every variant's steps after one step of warm-up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
            gpu = pool.submit(prepare, folder, case, setup).result()
        groups = [[variant] for variant in VARIANTS] if gpu else [list(VARIANTS)]
        measured: dict[str, Measured] = {}
        for group in groups:
            measured |= take_turns(group, folder, case, setup)
    check_losses({variant: taken.facts["loss"] for variant, taken in measured.items() if variant != REFERENCE})
    return gpu or f"CPU, {platform.machine()}, one thread per process", measured


def check_losses(first: dict[str, float]) -> None:
    """Every DPO starts at ln 2, where policy and reference are one; both SFTs start at one loss. Exits otherwise."""
    expected = {variant: first[STOCK_SFT] if variant in (STOCK_SFT, SFT) else LN2 for variant in first}
    for variant, loss in first.items():
        if abs(loss - expected[variant]) > 0.01:
            sys.exit(f"{variant}: the first loss is {loss}, not {expected[variant]}: not the same training.")


def take_turns(variants: Sequence[str], folder: Path, case: Case, setup: argparse.Namespace) -> dict[str, Measured]:
    """Start a process per variant, let them step in turn, and collect what they took."""
    started = []
    for variant in variants:
        here, there = SPAWN.Pipe()
        process = SPAWN.Process(target=work, args=(variant, folder, case, setup, there), daemon=True)
        process.start()
        there.close()  # so that a process that died is noticed
        started.append((variant, here, process, Measured([], [], {})))
    for step in range(setup.repeats + 1):
        for _, pipe, _, taken in started:
            pipe.send("step")
            wall, cpu = pipe.recv()
            if step:
                taken.wall.append(wall)
                taken.cpu.append(cpu)
    for _, pipe, process, taken in started:
        taken.facts.update(pipe.recv())
        process.join()
    return {variant: taken for variant, _, _, taken in started}


def interval(statistic: Callable[[list[int]], float], repeats: int) -> tuple[float, float]:
    """The middle 95% of a statistic over repeats drawn with replacement, the same ones of both sides of a ratio."""
    draw = random.Random(0)
    values = sorted(statistic(draw.choices(range(repeats), k=repeats)) for _ in range(DRAWS))
    return values[round(0.025 * DRAWS)], values[round(0.975 * DRAWS) - 1]


def ratio_row(
    name: str, above: Measured, below: Measured, limit: float, at_least: bool, floor: float | None
) -> list[str]:
    """One line of the table of ratios: median to median, by wall clock, its interval, and by CPU time."""

    def ratio(chosen: list[int]) -> float:
        return median(above.wall, chosen) / median(below.wall, chosen)

    everything = list(range(len(above.wall)))
    value, (low, high) = ratio(everything), interval(ratio, len(everything))
    cpu = statistics.median(above.cpu) / statistics.median(below.cpu)
    return [name, f"{value:.2f} ({low:.2f}-{high:.2f})", f"{cpu:.2f}", number(floor), *verdict(value, limit, at_least)]


def median(values: list[float], chosen: list[int]) -> float:
    """The median of some of the repeats."""
    return statistics.median(values[i] for i in chosen)


def verdict(value: float, limit: float, at_least: bool) -> list[str]:
    """What is wanted, and whether it is so."""
    met = value >= limit if at_least else value <= limit
    return [f"{'≥' if at_least else '≤'} {limit:g}", "met" if met else "not met"]


def number(value: float | None) -> str:
    """A number, or nothing."""
    return "" if value is None else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]


def section(case: Case, measured: dict[str, Measured]) -> list[str]:
    """A case's two tables."""
    live, compact, dpo, stock_sft, sft = (measured[name] for name in (LIVE, LIVE_COMPACT, DPO, STOCK_SFT, SFT))
    wanted = WANTED[case.name]
    steps = [
        [
            name,
            f"{statistics.median(taken.wall):.3f}",
            f"{statistics.median(taken.cpu):.3f}",
            f"{taken.facts['memory']:.0f}",
            f"{taken.facts['tokens']:.0f}" if "tokens" in taken.facts else "",
            f"{taken.facts['padding']:.1%}" if "padding" in taken.facts else "",
        ]
        for name, taken in measured.items()
    ]
    # Forward and backward of the policy over both rows of a pair, and the reference's forward; padding not counted.
    real, flat = live.facts["tokens"] * (1 - live.facts["padding"]), dpo.facts["tokens"]
    floor = 3 * real / (2 * flat)
    pair = flat / sft.facts["tokens"]
    lines = [
        ratio_row("stock DPO : our DPO", live, dpo, wanted[0], True, floor),
        ratio_row("stock DPO : our DPO, compact head in both", compact, dpo, wanted[1], True, floor),
        ratio_row("our DPO : stock SFT", dpo, stock_sft, wanted[2], False, None),
        ratio_row("our DPO : our SFT", dpo, sft, wanted[3], False, pair),
        ratio_row("our SFT : stock SFT", sft, stock_sft, wanted[4], False, None),
        sweep_row(measured),
    ]
    memory = dpo.facts["memory"] / sft.facts["memory"]
    lines.append(["peak memory, our DPO : our SFT", f"{memory:.2f}", "", "", *verdict(memory, MEMORY, False)])
    return [
        f"## {case.name}: prompts of about {case.prompt} tokens, answers {case.answer}, "
        f"vocabulary {case.vocabulary}, batch {case.batch}",
        "",
        *table(["variant", "step, s", "CPU time, s", "peak memory, MiB", "tokens a step", "of them padding"], steps),
        "",
        *table(["ratio", "measured (95% interval)", "by CPU time", "by tokens alone", "wanted", ""], lines),
        "",
    ]


def sweep_row(measured: dict[str, Measured]) -> list[str]:
    """Trials of one epoch: each of ours a step per batch, and before them the reference's pass over every batch."""
    live, dpo, reference = (measured[name] for name in (LIVE, DPO, REFERENCE))

    def ratio(part: str, chosen: list[int]) -> float:
        stock, ours, scored = (median(getattr(taken, part), chosen) for taken in (live, dpo, reference))
        return TRIALS * stock / (TRIALS * ours + scored)

    everything = list(range(len(live.wall)))
    value = ratio("wall", everything)
    low, high = interval(lambda chosen: ratio("wall", chosen), len(everything))
    name = f"{TRIALS} stock runs : our sweep of {TRIALS} (derived)"
    spread = f"{value:.2f} ({low:.2f}-{high:.2f})"
    return [name, spread, f"{ratio('cpu', everything):.2f}", "", *verdict(value, SWEEP, True)]


def opening(device: str, setup: argparse.Namespace) -> list[str]:
    """Machine, versions, command, and how to read the tables."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft"))
    shape = setup.shape
    command = shlex.join(["python", "-m", "benchmarks.training", *sys.argv[1:]])
    return [
        "# What a training step costs",
        "",
        f"{time.strftime('%Y-%m-%d')}, {device}; Python {platform.python_version()}, {versions}. "
        f"{setup.arch.capitalize()} of width {shape['hidden_size']} and {shape['num_hidden_layers']} layers, "
        f"{setup.precision}, LoRA of rank {setup.rank} on all linear layers, randomly initialised. "
        f"Made by `{command}`; medians of {setup.repeats} steps after one of warm-up.",
        "",
        "A step is batch, forward, backward, AdamW, log, in TRL's own loop. The stock reference is the base model "
        "merged with its SFT adapter, run at every step; in our DPO the SFT adapter stays a frozen part of the "
        "policy's. "
        f"Lengths of prompts and answers are uniform, {setup.spread:.0%} of the mean to either side. "
        "Compact head: TRL's head only where a token is predicted, which TRL does on GPUs alone. "
        "By tokens alone: what the ratio would be if a step cost its tokens and nothing else, padding not counted. "
        "The sweep is derived from measured parts: every run passes the pairs once, and ours adds one pass of the "
        "reference; evaluations and start-up are left out. Peak memory is the whole process's, on a GPU its tensors'.",
        "",
    ]


def arguments() -> argparse.Namespace:
    """The command line, with what follows from it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=["llama", "mistral"], default="llama")
    parser.add_argument("--repeats", type=int, default=9, help="steps that are measured (default 9)")
    parser.add_argument(
        "--cases", type=int, default=len(CASES), help="how many of the cases, from the first (default all)"
    )
    parser.add_argument("--spread", type=float, default=0.5, help="of lengths, as a share of their mean (default 0.5)")
    parser.add_argument("--gpu", choices=["bf16", "nf4"], help="7-8B shapes on a GPU instead of small ones in float32")
    parser.add_argument("--quick", action="store_true", help="tiny shapes and rows, a minute: does it run?")
    parser.add_argument("--out", type=Path, help="the table; by default benchmarks/training.md, none if quick")
    setup = parser.parse_args()
    if not setup.quick:
        setup.out = setup.out or TABLE
    setup.precision = setup.gpu or "float32"
    setup.model = {
        "name": setup.arch,
        "dtype": "bfloat16" if setup.gpu else "float32",
        "attention": "sdpa",
        "lora_targets": TARGETS,
        "quantization": NF4 if setup.gpu == "nf4" else None,
    }
    setup.shape = GPU_SHAPE if setup.gpu else QUICK_SHAPE if setup.quick else CPU_SHAPE
    setup.rank = setup.shape["hidden_size"] // 64  # both stages' 64 of 4096 in the published study
    setup.cases = [CASES[0]._replace(prompt=20, vocabulary=512, batch=2)] if setup.quick else CASES[: setup.cases]
    if setup.gpu:  # one vocabulary, the model's own
        setup.cases = [case._replace(vocabulary=GPU_VOCABULARY[setup.arch]) for case in CASES[: min(setup.cases, 3)]]
    return setup


def main() -> None:
    """Measure every case and write the tables."""
    setup = arguments()
    lines: list[str] = []
    for case in setup.cases:
        device, measured = measure(case, setup)
        lines += section(case, measured)
    written = "\n".join(opening(device, setup) + lines)
    if setup.out:
        setup.out.write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
