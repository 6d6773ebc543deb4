"""Facts from the records of training and of answering: training times, numbers of steps, and library versions."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.io import read_json
from clinical_dpo.paths import parse
from clinical_dpo.variants import TITLES


def total_seconds(run: Mapping[str, Any]) -> float:
    """Estimate the seconds of all steps and evaluations of a run.

    If a run was resumed from a checkpoint, its record has only the time after this checkpoint. This time is therefore
    scaled up to all steps.

    Args:
        run: `steps`, `resumed_from_step` and `wall_seconds` of a run.json. `resumed_from_step` is always below
            `steps`, because no checkpoint is saved at the last step.
    """
    seconds: float = run["wall_seconds"]
    return seconds * run["steps"] / (run["steps"] - run["resumed_from_step"])


def step_seconds(run: Mapping[str, Any]) -> float:
    """Estimate the seconds of all steps of a run, without evaluations.

    If a run was resumed from a checkpoint, its record has only the time after this checkpoint. This time is therefore
    scaled up to all steps.

    Args:
        run: `steps`, `resumed_from_step`, `wall_seconds` and `evaluation_seconds` (a part of `wall_seconds`) of a
            run.json.
    """
    return total_seconds(run) * (1 - run.get("evaluation_seconds", 0.0) / run["wall_seconds"])


def on_cpu(device: str) -> bool:
    """Whether a record names a CPU as its device: `cpu (x86_64)`. A GPU's record has the GPU's name."""
    return device.startswith("cpu")


def matched_runs(records: Iterable[str | Path]) -> list[str]:
    """Compare the training of the arm `sft_longer` (more SFT) with the training of DPO.

    The result has one line for each task and model with this arm. The line has the steps and tokens of two training
    runs: the chosen run of `sft_longer` and the chosen run of DPO.

    Args:
        records: paths of records, as for `mixed_versions`.
    """
    runs: dict[str, dict[str, str]] = {}
    for names, run in _chosen_runs(records):
        words = f"{run['steps']:,} steps and {run['tokens_seen']:,} tokens"
        runs.setdefault(f"{names['task']}, {names['model']}", {})[names["stage"]] = words
    return [
        f"{model}: after SFT, the arm 'SFT longer' is trained for {stages['sft_longer']}, and DPO for {stages['dpo']}"
        for model, stages in runs.items()
        if "sft_longer" in stages
    ]


def ended_in_warmup(records: Iterable[str | Path]) -> list[str]:
    """For each chosen training run that did not go beyond its warm-up, write a line with its steps.

    In the warm-up, the learning rate rises from 0 to its full value. Training that ends there has hardly begun.

    Args:
        records: paths of records, as for `mixed_versions`.
    """
    lines = []
    for names, run in _chosen_runs(records):
        steps, warmup = run["steps"], run["settings"]["warmup_steps"]
        if steps <= warmup:
            run_name = f"{names['task']}, {names['model']}, {TITLES[names['stage']]}"
            lines.append(f"{run_name} ({steps} steps of training, {warmup} of warm-up)")
    return lines


def _chosen_runs(records: Iterable[str | Path]) -> Iterator[tuple[Mapping[str, str], Mapping[str, Any]]]:
    """Yield, for each record of training, the names in its path (task, model and stage) and its content.

    Records of answers are left out.
    """
    for path in records:
        if Path(path).name == "run.json":
            yield parse("best_run", path), read_json(path)


def mixed_versions(records: Iterable[str | Path]) -> list[str]:
    """For each task and model, write a line for each library whose version differs between the records.

    Args:
        records: paths of records. A record of answers is {task}/{model}/predictions/{variant}.json. A record of
            training is {task}/{model}/{stage}/best/run.json.
    """
    steps_by_version: dict[tuple[str, str], dict[str, list[str]]] = {}
    for path in records:
        is_training = Path(path).name == "run.json"
        wildcards = parse("best_run" if is_training else "answers_record", path)
        step = f"training of {wildcards['stage']}" if is_training else f"answers of {wildcards['variant']}"
        model = f"{wildcards['task']}/{wildcards['model']}"
        for library, version in read_json(path)["versions"].items():
            steps_by_version.setdefault((model, library), {}).setdefault(version, []).append(step)
    return [
        f"{model}: {library} " + ", ".join(f"{version} ({', '.join(steps)})" for version, steps in sorted(used.items()))
        for (model, library), used in steps_by_version.items()
        if len(used) > 1
    ]
