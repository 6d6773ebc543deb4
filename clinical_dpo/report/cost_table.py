"""The table of training costs, with a row per task, model and stage (SFT, DPO or an arm).

The times of steps, of evaluations, of loading and of the reference pass have separate columns. The reference pass
computes log-probabilities with DPO's reference model.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.io import Row, read_json
from clinical_dpo.paths import parse
from clinical_dpo.training.run_record import step_seconds, total_seconds

COLUMNS = (
    *("task", "model", "stage", "runs", "steps", "rows_per_step", "seconds", "step_seconds", "evaluation_seconds"),
    *("loading_seconds", "reference_seconds", "minutes_per_1000_steps", "hours", "row_ratio", "run_ratio"),
    *("published_minutes", "published_ratio", "device"),
)
_SUMMED = ("runs", "steps", "rows", "step_seconds", "evaluation_seconds", "loading_seconds", "reference_seconds")


def published_minutes(studies: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return the minutes per 1,000 training steps that papers report: (task, stage) -> minutes. A stage is sft or dpo.

    Args:
        studies: name of a study -> the results that its paper reports, from `papers.published.load_published`.
    """
    return {
        (entry["task"], entry["variant"]): entry["value"]
        for study in studies.values()
        for entry in study["entries"]
        if entry["metric"] == "cost_minutes"
    }


def cost_rows(
    runs: Iterable[str | Path], references: Iterable[str | Path], published: Mapping[tuple[str, str], float]
) -> list[Row]:
    """Sum the time of the training runs and reference passes of each task, model and stage (SFT, DPO or an arm).

    `plot_cost` draws exactly these rows. A trial's first run is its probe. A run that only copies the weights of the
    probe adds no time and is not counted. The record of a resumed run has only the time after its last checkpoint. The
    total time of a resumed run is therefore estimated from its seconds per step after this checkpoint. The time to
    answer the dev rows is not included.

    Args:
        runs: paths {task}/{model}/{stage}/{trial}/{adapter or probe}/run.json of all runs.
        references: paths {task}/{model}/preferences/train.reference.json of all reference passes, which compute
            log-probabilities with DPO's reference model.
        published: (task, stage) -> minutes per 1,000 steps as printed in a paper, from `published_minutes`.

    Returns:
        Rows with the columns COLUMNS, one per task, model and stage. `minutes_per_1000_steps` covers the steps alone.
        `seconds` and `hours` cover steps, evaluations, loading and the reference pass. The arm dpo_sft uses the
        reference pass too, but only rows of DPO include the time of the pass. Rows of DPO also have ratios of DPO to
        SFT. `row_ratio` compares the seconds of steps per training row (per preference pair in DPO). `run_ratio`
        compares the mean seconds of a whole run.
    """
    sums: dict[tuple[str, str, str], Row] = {}
    for path in runs:
        names, run = parse("trial_run", path), read_json(path)
        key = (names["task"], names["model"], names["stage"])
        row = sums.setdefault(key, dict.fromkeys(_SUMMED, 0.0) | {"device": set()})
        if not run.get("same_as_probe"):
            _add_run(row, run)
    for path in references:
        names, record = parse("reference_record", path), read_json(path)
        key = (names["task"], names["model"], "dpo")
        if key in sums:
            sums[key]["reference_seconds"] += record.get("wall_seconds", 0.0) + record.get("loading_seconds", 0.0)
    rows = {key: _row(key, row, published) for key, row in sums.items()}
    for (task, model, stage), row in rows.items():
        if stage == "dpo" and (sft := rows.get((task, model, "sft"))):
            row["row_ratio"] = _per_row(row) / _per_row(sft)
            row["run_ratio"] = (row["seconds"] / row["runs"]) / (sft["seconds"] / sft["runs"])
            if (task, "dpo") in published:
                row["published_ratio"] = published[task, "dpo"] / published[task, "sft"]
    return list(rows.values())


def _add_run(row: Row, run: Mapping[str, Any]) -> None:
    """Add the steps, rows and seconds of a training run to the sums of its stage.

    Args:
        row: the sums, which are changed.
        run: content of the run's run.json.
    """
    steps = step_seconds(run)
    row["runs"] += 1
    row["steps"] += run["steps"]
    row["rows"] += run["steps"] * run["settings"]["batch_size"]
    row["step_seconds"] += steps
    row["evaluation_seconds"] += total_seconds(run) - steps
    row["loading_seconds"] += run.get("loading_seconds", 0.0)
    row["device"].add(run["device"])


def _row(key: tuple[str, str, str], sums: Mapping[str, Any], published: Mapping[tuple[str, str], float]) -> Row:
    """Make the row of one (task, model, stage), in which the three columns of ratios are None.

    Args:
        key: (task, model, stage).
        sums: the sums over the runs of this key.
        published: (task, stage) -> minutes per 1,000 steps as printed in a paper, from `published_minutes`.
    """
    parts = ("step_seconds", "evaluation_seconds", "loading_seconds", "reference_seconds")
    seconds = round(sum(sums[part] for part in parts), 2)
    return dict.fromkeys(COLUMNS) | {
        **dict(zip(("task", "model", "stage"), key, strict=True)),
        **{part: round(sums[part], 2) for part in parts},
        **{"runs": int(sums["runs"]), "steps": int(sums["steps"]), "rows_per_step": sums["rows"] / sums["steps"]},
        **{"seconds": seconds, "hours": seconds / 3600},
        "minutes_per_1000_steps": sums["step_seconds"] / sums["steps"] * 1000 / 60,
        "published_minutes": published.get((key[0], key[2])),
        "device": " and ".join(sorted(sums["device"])),
    }


def _per_row(row: Mapping[str, Any]) -> float:
    """Return the mean training time per training row (in DPO: per preference pair), in seconds.

    Only the time of training steps counts, not the time of loading and evaluation.

    Args:
        row: a row of the cost table.
    """
    return row["step_seconds"] / (row["steps"] * row["rows_per_step"])
