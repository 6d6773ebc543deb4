"""Time the demo's training in two layouts: TRL's padded rows, and the flat layout without padding.

The script trains the chosen trials of three tasks again and alternates the layouts. Seconds include evaluations. Both
layouts read the reference log-probabilities from the same file. Run the script from the project's folder after
`make demo`. It writes benchmarks/demo_training.md.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # as in the workflow's jobs

import argparse
import datetime
import platform
import tempfile
from pathlib import Path

from clinical_dpo.io import read_json
from clinical_dpo.models.load import prepare_process
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.settings import Run
from clinical_dpo.training.sft import train_sft

RESULTS, MODEL = Path("results/demo"), "tiny-llama"
TASKS = ("uti", "reasoning", "summarization")
TURNS = ("padded", "flat", "flat", "padded")
TABLE = Path(__file__).parent / "demo_training.md"


def seconds(task: str, stage: str, layout: str) -> float:
    """Train the chosen trial of a task and stage again, and return its wall time in seconds without start-up."""
    folder = RESULTS / task / MODEL
    record = read_json(folder / stage / "best/run.json")
    settings = record["settings"] | {"layout": layout}
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "adapter"
        base, batch = str(RESULTS / "models" / MODEL), settings["batch_size"]
        run = Run(
            base=base,
            model=record["model"],
            settings=settings,
            steps=record["steps"],
            out=str(out),
            micro_batch_size=batch,
            micro_batch_tokens=0,
            eval_batch_size=40,
            save_steps=record["save_steps"],
            gradient_checkpointing=False,
        )
        if stage == "sft":
            train_sft(run, *(str(RESULTS / task / f"data/{split}.jsonl") for split in ("train", "eval")))
        else:
            pairs = [str(folder / f"preferences/{split}.jsonl") for split in ("train", "eval")]
            reference = [file.replace(".jsonl", ".reference.parquet") for file in pairs]
            train_dpo(run, *pairs, *reference, str(folder / "sft/best"))
        return float(read_json(out / "run.json")["wall_seconds"])


def main() -> None:
    """Time all trainings, and write the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    prepare_process(1)
    lines = [
        "# Training in the demo",
        "",
        f"{datetime.date.today()}, CPU, {platform.machine()}, one thread. Made by `python -m benchmarks.demo_training` "
        f"after `make demo`: the chosen trials of {MODEL} (0.6 million parameters), each twice in either layout, in "
        "turn, seconds added up; evaluations included, start-up not.",
        "",
        "| task | stage | padded, s | flat, s | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    totals: dict[tuple[str, str], float] = {}
    for task in TASKS:
        for stage in ("sft", "dpo"):
            took = dict.fromkeys(TURNS, 0.0)
            for layout in TURNS:
                took[layout] += seconds(task, stage, layout)
            for layout, value in took.items():
                totals[stage, layout] = totals.get((stage, layout), 0) + value
            lines.append(row(task, stage, took["padded"], took["flat"]))
    lines += [row("all", stage, totals[stage, "padded"], totals[stage, "flat"]) for stage in ("sft", "dpo")]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def row(task: str, stage: str, padded: float, flat: float) -> str:
    """One line of the table in Markdown, from the seconds in the padded and in the flat layout."""
    return f"| {task} | {stage.upper()} | {padded:.2f} | {flat:.2f} | {padded / flat:.2f} |"


if __name__ == "__main__":
    main()
