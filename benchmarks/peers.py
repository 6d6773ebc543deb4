"""Measure a training step of this project, LLaMA-Factory and torchtune, and write benchmarks/peers.md.

Every program trains in a process of its own, on the same model, token ids, batches and order, with one thread. The
processes take turns step by step, so that other load slows them all. The script installs each of the two peers,
LLaMA-Factory and torchtune, in its own environment in the folder `--environments`. Run the script from the project's
folder: `python -m benchmarks.peers --help`.
"""

import argparse
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.peer_environments import PEERS, install
from benchmarks.random_rows import Case
from benchmarks.training import CASES, LN2, interval, median, table
from benchmarks.training_steps import (
    CPU_SHAPE,
    DPO,
    MAX_LENGTH,
    QUICK_SHAPE,
    REFERENCE,
    SFT,
    TARGETS,
    prepare,
    quiet,
    work,
)
from benchmarks.training_turns import SPAWN, Measured, Started, start, take_turns

ROOT = Path(__file__).parent.parent
TABLE = Path(__file__).parent / "peers.md"
BETA = 0.1
TOLERANCE = 0.01  # of a first loss; rows of unequal length weigh differently in the programs' means
WITH_REFERENCE = "our DPO with a reference pass per step"


def prepare_peers(folder: Path, case: Case, setup: argparse.Namespace) -> None:
    """Write what the peers read beside the files of `prepare`: token ids, settings, and base model merged with SFT."""
    quiet()
    from peft import PeftModel

    from clinical_dpo.io import read_jsonl, write_json, write_jsonl
    from clinical_dpo.models.load import load_base
    from clinical_dpo.tokenization.tokenizer import load_tokenizer

    tokenizer, ids = load_tokenizer(folder), []
    for row in read_jsonl(folder / "rows.jsonl"):
        prompt = tokenizer.apply_chat_template(row["prompt"], return_dict=False)
        each = {"prompt": prompt}
        for answer in ("chosen", "rejected"):
            whole = tokenizer.apply_chat_template(row["prompt"] + row[answer], return_dict=False)
            each[answer] = whole[len(prompt) :]
        ids.append(each)
    write_jsonl(folder / "ids.jsonl", ids)
    sizes = {
        "batch": case.batch,
        "steps": setup.repeats + 1,
        "rank": setup.loras["sft"]["rank"],
        "max_length": MAX_LENGTH,
    }
    write_json(folder / "peers.json", sizes | {"targets": TARGETS, "pad": tokenizer.pad_token_id, "beta": BETA})
    merged = PeftModel.from_pretrained(load_base(folder, setup.model), str(folder / "sft")).merge_and_unload()
    merged.save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")


def work_in_order(variant: str, folder: Path, case: Case, setup: argparse.Namespace, parent: Any) -> None:
    """Call `work` so that it takes the rows in the order of their file, as the peers do."""
    quiet()
    from torch.utils.data import SequentialSampler
    from transformers import Trainer

    def sampler(trainer: Any, rows: Any = None) -> Any:
        return SequentialSampler(trainer.train_dataset if rows is None else rows)

    with patch.object(Trainer, "_get_train_sampler", sampler):
        work(variant, folder, case, setup, parent)


def measure(case: Case, setup: argparse.Namespace, pythons: Mapping[str, Path]) -> dict[str, Measured]:
    """Measurements of every program's SFT and DPO, after one step of warm-up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        folder.mkdir()
        with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
            pool.submit(prepare, folder, case, setup).result()
            pool.submit(prepare_peers, folder, case, setup).result()
        logs = {
            f"{program} {stage.upper()}": (program, stage, Path(name) / f"{program}-{stage}.log")
            for program in pythons
            for stage in ("dpo", "sft")
        }
        started = start((DPO, REFERENCE, SFT), folder, case, setup, work_in_order)
        started += [
            start_peer(variant, pythons[program], PEERS[program].module, folder, stage, log)
            for variant, (program, stage, log) in logs.items()
        ]
        try:
            measured = take_turns(started, setup.repeats)
        except RuntimeError as error:
            ends = [f"{variant}:\n{log.read_text(encoding='utf-8')[-3000:]}" for variant, (_, _, log) in logs.items()]
            sys.exit("\n\n".join([str(error), "Ends of the peers' logs:", *ends]))
        finally:
            for each in started:
                each.process.terminate()
                each.process.join()
    check_losses({variant: taken.facts["loss"] for variant, taken in measured.items() if variant != REFERENCE})
    return measured


class PeerProcess(subprocess.Popen[bytes]):
    """A process of another program, with `join` and `exitcode`, which `take_turns` uses."""

    def join(self) -> None:
        """Wait for the end."""
        self.wait()

    @property
    def exitcode(self) -> int | None:
        """The exit status; None before the end."""
        return self.returncode


def start_peer(variant: str, python: Path, module: str, folder: Path, stage: str, log: Path) -> Started:
    """Start a peer's process with the peer's Python. Its output goes to a log."""
    ours, theirs = SPAWN.Pipe()
    with log.open("wb") as output:
        process = PeerProcess(
            [python, "-m", module, str(theirs.fileno()), folder, stage],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"},
            pass_fds=[theirs.fileno()],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    theirs.close()  # so that recv() fails if the process has died
    return Started(variant, ours, process, Measured([], [], {}))


def check_losses(first: Mapping[str, float]) -> None:
    """Exit unless every DPO starts at ln 2, where policy and reference are equal, and all SFTs at the same loss."""
    for variant, loss in first.items():
        expected = LN2 if variant.endswith("DPO") else first[SFT]
        if abs(loss - expected) > TOLERANCE:
            sys.exit(f"{variant}: the first loss is {loss}, not {expected}, so times are not comparable.")


def added(first: Measured, second: Measured) -> Measured:
    """Add the times of two processes step by step, and take the larger of their peak memories."""
    sums = [
        [a + b for a, b in zip(*pair, strict=True)] for pair in ((first.wall, second.wall), (first.cpu, second.cpu))
    ]
    return Measured(*sums, {"memory": max(first.facts["memory"], second.facts["memory"])})


def ratio_row(peer: str, theirs: Measured, ours_name: str, ours: Measured) -> list[str]:
    """A line of the table of ratios: wall times with an interval, CPU times with an interval, and memory."""

    def compared(part: str) -> str:
        def ratio(chosen: list[int]) -> float:
            return median(getattr(theirs, part), chosen) / median(getattr(ours, part), chosen)

        repeats = len(theirs.wall)
        low, high = interval(ratio, repeats)
        return f"{ratio(list(range(repeats))):.2f} ({low:.2f}-{high:.2f})"

    memory = f"{theirs.facts['memory'] / ours.facts['memory']:.2f}"
    return [f"{peer} : {ours_name}", compared("wall"), compared("cpu"), memory]


def section(case: Case, measured: Mapping[str, Measured], programs: Sequence[str]) -> list[str]:
    """Lines of a case's heading and two tables."""
    steps = [
        [
            name,
            f"{statistics.median(taken.wall):.3f}",
            f"{statistics.median(taken.cpu):.3f}",
            f"{taken.facts['memory']:.0f}",
            f"{taken.facts['loss']:.4f}" if "loss" in taken.facts else "",
        ]
        for name, taken in measured.items()
    ]
    ours = {DPO: measured[DPO], WITH_REFERENCE: added(measured[DPO], measured[REFERENCE]), SFT: measured[SFT]}
    rows = []
    for program in programs:
        for name, taken in ours.items():
            peer = f"{program} {'SFT' if name == SFT else 'DPO'}"
            rows.append(ratio_row(peer, measured[peer], name, taken))
    return [
        f"## {case.name}: prompts of about {case.prompt} tokens, answers {case.answer}, vocabulary {case.vocabulary}, "
        f"batch {case.batch}",
        "",
        *table(["step", "wall, s", "CPU time, s", "peak memory, MiB", "first loss"], steps),
        "",
        *table(["ratio", "wall time (95% interval)", "CPU time (95% interval)", "peak memory"], rows),
        "",
    ]


def opening(setup: argparse.Namespace, versions: Mapping[str, Mapping[str, str]], load: float) -> list[str]:
    """Lines of the page's head: machine, versions, command, and how to read the tables."""
    ours = {name: version(name) for name in ("torch", "transformers", "trl", "peft")}
    listed = "; ".join(
        f"{program}: {', '.join(f'{name} {number}' for name, number in names.items())}"
        for program, names in {"clinical-dpo": ours, **versions}.items()
    )
    shape = setup.shape
    arguments = ["FOLDER" if each == str(setup.environments) else each for each in sys.argv[1:]]
    return [
        "# A training step of other programs",
        "",
        f"{time.strftime('%Y-%m-%d')}, CPU, {platform.machine()}, one thread per process; load of the machine before: "
        f"{load:.1f} processes. {listed}. Llama of width {shape['hidden_size']} and {shape['num_hidden_layers']} "
        f"layers, float32, LoRA of rank {setup.rank} on all linear layers, randomly initialised. Made by "
        f"`{shlex.join(['python', '-m', 'benchmarks.peers', *arguments])}`; medians of {setup.repeats} steps after "
        "one of warm-up.",
        "",
        "A step is batch, forward, backward, AdamW, log, in the program's own loop and with its own defaults, "
        "without gradient checkpointing. Model, token ids, batches and their order are the same. The DPO of both peers "
        "computes the reference at every step: the base model merged with the SFT adapter. Ours reads it from a file, "
        "which one pass per SFT model writes for all trials and epochs. With a reference pass per step: as if there "
        f"were one trial of one epoch. Lengths are uniform, {setup.spread:.0%} of the mean to either side. The peers "
        "pad rows. Peak memory is that "
        "of the whole process.",
        "",
    ]


def arguments() -> argparse.Namespace:
    """Arguments of the command line, with settings derived from them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, required=True, help="folder for the peers' environments (3 GB)")
    parser.add_argument("--repeats", type=int, default=9, help="number of measured steps (default 9)")
    parser.add_argument("--cases", type=int, default=3, help="number of cases, counted from the first (default 3)")
    parser.add_argument("--spread", type=float, default=0.5, help="spread of lengths, share of the mean (default 0.5)")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), help="default both")
    parser.add_argument("--quick", action="store_true", help="test the script on tiny shapes and rows; no file")
    parser.add_argument("--out", type=Path, help="the table (default benchmarks/peers.md; with --quick no file)")
    setup = parser.parse_args()
    setup.out = setup.out or (None if setup.quick else TABLE)
    setup.arch, setup.precision = "llama", "float32"
    setup.shape = QUICK_SHAPE if setup.quick else CPU_SHAPE
    setup.rank = setup.shape["hidden_size"] // 64
    setup.loras = {stage: {"rank": setup.rank, "alpha": 2 * setup.rank, "dropout": 0.0} for stage in ("sft", "dpo")}
    targets = {"lora_targets": TARGETS, "quantization": None}
    setup.model = {"name": setup.arch, "dtype": "float32", "attention": "sdpa"} | targets
    setup.cases = [CASES[0]._replace(prompt=20, vocabulary=512, batch=2)] if setup.quick else CASES[: setup.cases]
    return setup


def main() -> None:
    """Install the peers, measure every case, and write the tables."""
    setup = arguments()
    pythons = {name: install(setup.environments.absolute() / name.lower(), PEERS[name]) for name in setup.peers}
    lines, load = [], os.getloadavg()[0]
    versions: dict[str, dict[str, str]] = {}
    for case in setup.cases:
        measured = measure(case, setup, pythons)
        versions = {name: measured[f"{name} SFT"].facts["versions"] for name in setup.peers}
        lines += section(case, measured, setup.peers)
    page = "\n".join(opening(setup, versions, load) + lines)
    if setup.out:
        setup.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
