"""Measure time and memory of a training step, with TRL as shipped and with this project's flat layout.

Every variant trains in its own process, in TRL's training loop, on the same rows in the same order. On a CPU the
variants take turns step by step, so that other load slows them all alike. On a GPU they run one after another, because
their models do not fit into its memory together. Run it from the project's folder: `python -m benchmarks.training
--help`. It writes benchmarks/training.md.
"""

import argparse
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

from benchmarks.random_rows import Case
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
    prepare,
)
from benchmarks.training_turns import SPAWN, Measured, start, take_turns

TABLE = Path(__file__).parent / "training.md"
VARIANTS = (LIVE, PRECOMPUTED, LIVE_COMPACT, STOCK_SFT, SFT, DPO, REFERENCE)
NF4 = {"type": "nf4", "double": True, "compute_dtype": "bfloat16"}  # as in config/models/biomistral-7b.yaml
TRIALS = 12
LN2 = 0.6931  # DPO's loss if policy and reference model are equal
DRAWS = 2000
CASES = (
    Case("Label tasks", 200, 6, 8192, 8),
    Case("Short answers", 150, 20, 8192, 8),
    Case("Summaries", 800, 100, 8192, 4),
    Case("Label tasks, large vocabulary", 200, 6, 32768, 8),
)
# Five limits per case. Lower limits: stock DPO : our DPO as shipped, and with the compact head in both. Upper limits:
# our DPO : stock SFT, our DPO : our SFT, and our SFT : stock SFT.
WANTED = {
    "Label tasks": (4.0, 2.6, 0.95, 1.15, 0.82),
    "Short answers": (4.5, 2.6, 0.9, 1.05, 0.82),
    "Summaries": (3.8, 2.6, 1.0, 1.25, 0.82),
    "Label tasks, large vocabulary": (10.0, 2.6, 0.95, 1.15, 0.35),
}
MEMORY, SWEEP = 1.25, 4.0


def measure(case: Case, setup: argparse.Namespace) -> tuple[str, dict[str, Measured]]:
    """Measure every variant on one kind of rows, after one step of warm-up.

    Args:
        case: the kind of rows.
        setup: from `arguments`.

    Returns:
        The device's name, and variant -> its measurements.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
            gpu = pool.submit(prepare, folder, case, setup).result()
        groups = [[variant] for variant in VARIANTS] if gpu else [list(VARIANTS)]
        measured: dict[str, Measured] = {}
        for group in groups:
            measured |= take_turns(start(group, folder, case, setup), setup.repeats)
    check_losses({variant: taken.facts["loss"] for variant, taken in measured.items() if variant != REFERENCE})
    return gpu or f"CPU, {platform.machine()}, one thread per process", measured


def check_losses(first: dict[str, float]) -> None:
    """Exit unless every DPO starts at the loss ln 2, and both SFTs start at the same loss.

    At ln 2 policy and reference model are equal.

    Args:
        first: variant -> its first loss.
    """
    expected = {variant: first[STOCK_SFT] if variant in (STOCK_SFT, SFT) else LN2 for variant in first}
    for variant, loss in first.items():
        if abs(loss - expected[variant]) > 0.01:
            sys.exit(f"{variant}: the first loss is {loss}, not {expected[variant]}, so times are not comparable.")


def interval(statistic: Callable[[list[int]], float], repeats: int) -> tuple[float, float]:
    """95% bootstrap interval of a statistic of repeated measurements.

    Args:
        statistic: function of the indices of the drawn repeats. Both sides of a ratio use the same repeats.
        repeats: number of repeats.
    """
    draw = random.Random(0)
    values = sorted(statistic(draw.choices(range(repeats), k=repeats)) for _ in range(DRAWS))
    return values[round(0.025 * DRAWS)], values[round(0.975 * DRAWS) - 1]


def ratio_row(
    name: str, above: Measured, below: Measured, limit: float, at_least: bool, floor: float | None
) -> list[str]:
    """One line of the table of ratios: ratio of median wall times with its interval, and ratio of median CPU times.

    Args:
        name: name of the ratio.
        above, below: measurements of numerator and denominator.
        limit: the limit that the ratio of wall times should meet.
        at_least: True for a lower limit, False for an upper limit.
        floor: ratio if a step cost its unpadded tokens and nothing else; None leaves the cell empty.
    """

    def ratio(chosen: list[int]) -> float:
        return median(above.wall, chosen) / median(below.wall, chosen)

    repeats = list(range(len(above.wall)))
    value, (low, high) = ratio(repeats), interval(ratio, len(repeats))
    cpu = statistics.median(above.cpu) / statistics.median(below.cpu)
    return [name, f"{value:.2f} ({low:.2f}-{high:.2f})", f"{cpu:.2f}", number(floor), *verdict(value, limit, at_least)]


def median(values: list[float], chosen: list[int]) -> float:
    """Median of some of the values.

    Args:
        values: one value per repeat.
        chosen: numbers of the repeats to use. A number may occur several times.
    """
    return statistics.median(values[i] for i in chosen)


def verdict(value: float, limit: float, at_least: bool) -> list[str]:
    """Two cells of a table: the limit, and whether the value meets it.

    Args:
        value: the measured ratio.
        limit: the limit.
        at_least: True for a lower limit, False for an upper limit.
    """
    met = value >= limit if at_least else value <= limit
    return [f"{'≥' if at_least else '≤'} {limit:g}", "met" if met else "not met"]


def number(value: float | None) -> str:
    """A number as text with two decimals, or an empty text for None."""
    return "" if value is None else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]


def section(case: Case, measured: dict[str, Measured]) -> list[str]:
    """Lines of one case in Markdown: a heading, the table of variants, and the table of ratios."""
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
    # Stock DPO: forward and backward of the policy (2 units) and forward of the reference (1), on unpadded tokens.
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
    """The line of the table of ratios that compares a sweep in stock TRL with a sweep in this project.

    A sweep has TRIALS trials of one epoch. This project's sweep also has one pass of the reference model over all
    batches.

    Args:
        measured: variant -> its measurements.
    """
    live, dpo, reference = (measured[name] for name in (LIVE, DPO, REFERENCE))

    def ratio(part: str, chosen: list[int]) -> float:
        stock, ours, scored = (median(getattr(taken, part), chosen) for taken in (live, dpo, reference))
        return TRIALS * stock / (TRIALS * ours + scored)

    repeats = list(range(len(live.wall)))
    value = ratio("wall", repeats)
    low, high = interval(lambda chosen: ratio("wall", chosen), len(repeats))
    name = f"{TRIALS} stock runs : our sweep of {TRIALS} (derived)"
    spread = f"{value:.2f} ({low:.2f}-{high:.2f})"
    return [name, spread, f"{ratio('cpu', repeats):.2f}", "", *verdict(value, SWEEP, True)]


def opening(device: str, setup: argparse.Namespace) -> list[str]:
    """Lines of the page's head: machine, versions, command, and how to read the tables."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft"))
    shape = setup.shape
    command = shlex.join(["python", "-m", "benchmarks.training", *sys.argv[1:]])
    return [
        "# Cost of a training step",
        "",
        f"{time.strftime('%Y-%m-%d')}, {device}; Python {platform.python_version()}, {versions}. "
        f"{setup.arch.capitalize()} of width {shape['hidden_size']} and {shape['num_hidden_layers']} layers, "
        f"{setup.precision}, LoRA of rank {setup.loras['sft']['rank']} on all linear layers, randomly initialised. "
        f"Made by `{command}`; medians of {setup.repeats} steps after one of warm-up.",
        "",
        "A step is batch, forward, backward, AdamW, log, in TRL's loop. The stock reference is the base model "
        "merged with its SFT adapter, run at every step; in our DPO the SFT adapter is a frozen part of the "
        "policy's adapter. "
        f"Lengths of prompts and answers are uniform, {setup.spread:.0%} of the mean to either side. "
        "Compact head: TRL computes the head only where a token is predicted, which it does on GPUs alone. "
        "By tokens alone: the ratio if a step cost its unpadded tokens and nothing else. "
        "The sweep is derived from measured parts: every run passes the pairs once, and ours adds one pass of the "
        "reference, without evaluations and start-up. Peak memory is that of the whole process, on a GPU of its "
        "tensors.",
        "",
    ]


def arguments() -> argparse.Namespace:
    """Arguments of the command line, with settings derived from them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=["llama", "mistral"], default="llama")
    parser.add_argument("--repeats", type=int, default=9, help="number of measured steps (default 9)")
    parser.add_argument(
        "--cases", type=int, default=len(CASES), help="number of cases, counted from the first (default all)"
    )
    parser.add_argument(
        "--spread",
        type=float,
        default=0.5,
        help="spread of lengths to either side, as a share of the mean (default 0.5)",
    )
    parser.add_argument("--gpu", choices=["bf16", "nf4"], help="7-8B shapes on a GPU instead of small ones in float32")
    parser.add_argument("--quick", action="store_true", help="test the script on tiny shapes and rows, in a minute")
    parser.add_argument("--out", type=Path, help="the table (default benchmarks/training.md; with --quick no file)")
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
    rank = setup.shape["hidden_size"] // 64  # as in the published study: rank 64 at width 4096
    setup.loras = {stage: {"rank": rank, "alpha": 2 * rank, "dropout": 0.0} for stage in ("sft", "dpo")}
    setup.cases = [CASES[0]._replace(prompt=20, vocabulary=512, batch=2)] if setup.quick else CASES[: setup.cases]
    if setup.gpu:  # every case has the model's vocabulary, so the case of a large vocabulary is left out
        setup.cases = [case._replace(vocabulary=GPU_VOCABULARY[setup.arch]) for case in setup.cases[:3]]
    return setup


def main() -> None:
    """Measure every case and write the tables."""
    setup = arguments()
    lines: list[str] = []
    for case in setup.cases:
        device, measured = measure(case, setup)
        lines += section(case, measured)
    page = "\n".join(opening(device, setup) + lines)
    if setup.out:
        setup.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
