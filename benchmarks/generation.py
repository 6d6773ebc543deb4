"""Measure answers per second on prompts of mixed lengths, in batches sorted by length and in the file's order.

Both ways use the same model, prompts, batch size and `generate`. They take turns, and their answers must be equal. Run
it from the project's folder: `python -m benchmarks.generation`. It writes benchmarks/generation.md.
"""

import argparse
import os
import platform
import random
import shlex
import statistics
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.random_rows import random_model
from benchmarks.training_steps import CPU_SHAPE, QUICK_SHAPE
from clinical_dpo.inference.generate import generate_answers
from clinical_dpo.models.load import prepare_process
from clinical_dpo.models.tiny.pretraining import ARCHITECTURES

TABLE = Path(__file__).parent / "generation.md"
VOCABULARY = 8192
NEW_TOKENS = 8  # tokens of every answer; both ways then generate the same number


def prompts(number: int, shortest: int, longest: int, vocabulary: int = VOCABULARY) -> list[dict[str, Any]]:
    """Rows with prompts of random words. Lengths are log-uniform from `shortest` to `longest` words."""
    draw = random.Random(0)
    rows = []
    for i in range(number):
        length = round(shortest * (longest / shortest) ** draw.random())
        text = " ".join(f"w{draw.randrange(5, vocabulary)}" for _ in range(length))
        rows.append({"id": f"r{i}", "prompt": [{"role": "user", "content": text}]})
    return rows


@torch.inference_mode()
def in_file_order(model: Any, tokenizer: Any, rows: Sequence[Any], new_tokens: int, batch_size: int) -> list[str]:
    """Answer the prompts with plain `generate`, batch by batch in the order of the rows."""
    answers: list[str] = []
    for start in range(0, len(rows), batch_size):
        inputs = tokenizer.apply_chat_template(
            [row["prompt"] for row in rows[start : start + batch_size]],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        ).to(model.device)
        output = model.generate(
            **inputs, max_new_tokens=new_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id
        )
        new = output[:, inputs["input_ids"].shape[1] :]
        answers += [text.strip() for text in tokenizer.batch_decode(new, skip_special_tokens=True)]
    return answers


def measure(
    model: Any, tokenizer: Any, rows: Sequence[Any], new_tokens: int, batch_size: int, repeats: int
) -> tuple[dict[str, float], int]:
    """Time two ways of answering, plain `generate` and `generate_answers`, which take turns.

    Returns:
        Answers per second of each way (name -> median over `repeats`), and the smallest number of equal answers in a
        repeat.
    """
    ways = {
        "plain `generate`, the file's order": lambda: in_file_order(model, tokenizer, rows, new_tokens, batch_size),
        "`generate_answers`, sorted by length": lambda: [
            answer["text"] for answer in generate_answers(model, tokenizer, rows, new_tokens, batch_size)
        ],
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    equal = len(rows)
    for _ in range(repeats):
        texts = []
        for name, answer in ways.items():
            started = time.perf_counter()
            texts.append(answer())
            seconds[name].append(time.perf_counter() - started)
        equal = min(equal, sum(first == second for first, second in zip(*texts, strict=True)))
    return {name: len(rows) / statistics.median(taken) for name, taken in seconds.items()}, equal


def main() -> None:
    """Time answers of plain `generate` and of `generate_answers`, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=list(ARCHITECTURES), default="llama")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="test the script on a tiny model, in seconds")
    parser.add_argument("--out", type=Path, help="the table (default benchmarks/generation.md; with --quick no file)")
    setup = parser.parse_args()
    prepare_process(1)
    shape = QUICK_SHAPE if setup.quick else CPU_SHAPE
    model, tokenizer = random_model(setup.arch, VOCABULARY, shape, "float32", initializer_range=0.06)
    rows = prompts(16, 5, 50) if setup.quick else prompts(32, 20, 800)
    rates, equal = measure(model.eval(), tokenizer, rows, NEW_TOKENS, setup.batch, setup.repeats)
    if equal < len(rows):
        sys.exit("generation: the two ways gave different answers, so their times are not comparable.")
    plain, sorted_ = rates.values()
    lengths = sorted(len(tokenizer.apply_chat_template(row["prompt"], return_dict=True)["input_ids"]) for row in rows)
    command = shlex.join(["python", "-m", "benchmarks.generation", *sys.argv[1:]])
    hardware = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU ({platform.machine()}), one thread"
    lines = [
        "# Answers per second",
        "",
        f"{time.strftime('%Y-%m-%d')}, {hardware}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"torch {version('torch')}, transformers {version('transformers')}. {len(rows)} prompts of {lengths[0]} to "
        f"{lengths[-1]} tokens (median {lengths[len(lengths) // 2]}), {NEW_TOKENS} new tokens each, batches of "
        f"{setup.batch}, {setup.arch} of width {shape['hidden_size']} and {shape['num_hidden_layers']} layers, "
        f"randomly initialised, float32. Made by `{command}`; medians of {setup.repeats}.",
        "",
        "| way | answers / s |",
        "|---|---|",
        *(f"| {name} | {rate:.2f} |" for name, rate in rates.items()),
        f"| ratio | {sorted_ / plain:.2f} |",
    ]
    page = "\n".join(lines) + "\n"
    if not setup.quick or setup.out:
        (setup.out or TABLE).write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
