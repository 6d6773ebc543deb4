"""What the records of runs say: the time they took, and the libraries that a comparison mixes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.io import read_json
from clinical_dpo.paths import parse


def total_seconds(run: Mapping[str, Any]) -> float:
    """Seconds of all steps. Of a resumed run only those after its last checkpoint are timed: they stand for all.

    Args:
        run: `steps`, `resumed_from_step` and `wall_seconds` of a run.json. No checkpoint is of the last step.
    """
    seconds: float = run["wall_seconds"]
    return seconds * run["steps"] / (run["steps"] - run["resumed_from_step"])


def mixed_versions(records: Iterable[str | Path]) -> list[str]:
    """What was computed with different versions of a library among what one comparison rests on, a line a library.

    Args:
        records: {task}/{model}/predictions/{variant}.json of answers, {task}/{model}/{stage}/best/run.json of training.
    """
    seen: dict[tuple[str, str], dict[str, list[str]]] = {}
    for path in records:
        trained = Path(path).name == "run.json"
        of = parse("best_run" if trained else "answers_record", path)
        what = f"training of {of['stage']}" if trained else f"answers of {of['variant']}"
        model = f"{of['task']}/{of['model']}"
        for library, found in read_json(path)["versions"].items():
            seen.setdefault((model, library), {}).setdefault(found, []).append(what)
    return [
        f"{model}: {library} " + ", ".join(f"{found} ({', '.join(whats)})" for found, whats in sorted(versions.items()))
        for (model, library), versions in seen.items()
        if len(versions) > 1
    ]
