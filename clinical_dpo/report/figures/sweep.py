"""Figure of the sweep: the dev score of every trial, by learning rate and beta."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from clinical_dpo.io import Row, optional_number, read_csv
from clinical_dpo.paths import parse, parse_trial
from clinical_dpo.report.figures.panels import name_axes, panel_grid
from clinical_dpo.report.figures.style import (
    COLOURS,
    INK,
    LIGHT,
    SMALL,
    scientific,
    short,
    stamp,
    write_footnote,
)
from clinical_dpo.variants import ARMS, TITLES, sorted_variants

COLUMNS = (
    *("task", "model", "stage", "trial", "learning_rate", "beta", "metric", "score", "n", "invalid_rate", "chosen"),
)
METRIC_NAMES = {
    **{"f1": "F1", "macro_f1": "macro F1", "balanced_accuracy": "balanced accuracy", "exact": "exact match"},
    "rouge_l": "ROUGE-L",
}
MAX_OPACITY = 0.65  # opacity of a cell with score 1; its text stays legible
MANY_INVALID = 0.05  # a cell with a larger share of invalid answers is marked


def sweep_rows(selections: Sequence[str | Path]) -> list[Row]:
    """Read the rows that `plot_sweep` draws: a row with the columns COLUMNS for each trial.

    Args:
        selections: {task}/{model}/{stage}/selection.csv of every sweep.
    """
    return [
        (names := parse("selection", path))
        | {"beta": None}
        | parse_trial(row["trial"], names["stage"])
        | {key: row[key] for key in ("trial", "metric", "score", "n", "invalid_rate", "chosen")}
        for path in selections
        for row in read_csv(path)
    ]


def plot_sweep(
    rows: Sequence[Mapping[str, Any]],
    *,
    task_names: Mapping[str, str],
    model_names: Mapping[str, str],
    watermarks: Mapping[str, str | None],
    paths: Sequence[str | Path],
) -> None:
    """Draw heat maps of the dev scores, with a panel per task and model.

    A map has a column for each learning rate. It has a row for SFT, a row for each beta of DPO, and rows for the
    trained arms: one row for each beta of an arm, or a single row for an arm without beta. The colour scale is from 0
    to 1 in all panels. The chosen trial of each stage has a frame. A dark corner marks a cell
    with many invalid answers. A stage with a single trial has no score and shows a dash. A pair of task and model has
    no panel if each of its stages has a single trial.

    Args:
        rows: rows from `sweep_rows`.
        task_names: task -> name shown.
        model_names: model -> name shown.
        watermarks: task -> text laid over its panels, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["model"]), []).append(row)
    groups = {key: group for key, group in groups.items() if len(group) > len({row["stage"] for row in group})}
    max_lines = max(len(_lines(group)) for group in groups.values())
    drawn = [row for group in groups.values() for row in group]
    arms = {_line(row) for row in drawn if row["stage"] in ARMS}
    left = max([0.26, *(0.052 * len(_line_name(*line)) for line in arms)])
    titles = [(task_names[task], f"{model_names[model]}: {_scored(group)}") for (task, model), group in groups.items()]
    grid = panel_grid(titles, paths, height=0.2 * max_lines, left=left, right=0.02, foot=0.52)
    with grid as (figure, panels):
        for axes, ((task, _), group) in zip(panels, groups.items(), strict=True):
            _draw_map(axes, group)
            stamp(axes, watermarks[task])
        name_axes(figure, panels, x="Learning rate", left="β of DPO")
        marks = ["Score on dev: a stronger colour is higher. Frame: chosen trial."]
        if any(map(_has_corner, drawn)):
            marks.append(f"Corner: more than {MANY_INVALID:.0%} of the answers invalid.")
        if any(row["score"] == "" for row in drawn):
            marks.append("–: a single trial, not scored.")
        write_footnote(figure, " ".join(marks))


def _scored(rows: Sequence[Mapping[str, Any]]) -> str:
    """The metric of a panel's scores and the number of dev items: "F1, n = 80"; "not scored" without scores."""
    scored = next((row for row in rows if row["metric"]), None)
    return f"{METRIC_NAMES[scored['metric']]}, n = {scored['n']}" if scored else "not scored"


def _has_corner(row: Mapping[str, Any]) -> bool:
    """Whether a trial's cell gets a dark corner: true if the share of invalid answers is above MANY_INVALID."""
    return bool(row["invalid_rate"]) and float(row["invalid_rate"]) > MANY_INVALID


def _line(row: Mapping[str, Any]) -> tuple[str, float]:
    """The row of the heat map to which a trial belongs, as (stage, beta). For a stage without beta, beta is 0."""
    return row["stage"], float(row["beta"] or 0)


def _lines(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """The rows of a heat map from top to bottom, as (stage, beta): sorted by stage, then by ascending beta."""
    present = {_line(row) for row in rows}
    stages = sorted_variants(stage for stage, _ in present)
    return sorted(present, key=lambda line: (stages.index(line[0]), line[1]))


def _line_name(stage: str, beta: float) -> str:
    """Label of a heat map's row.

    The label of a DPO row is its beta alone, such as "0.1". The label of any other row is the title of its stage. If
    the stage has a beta, the beta follows the title: "SFT", but "DPO+SFT 0.1".
    """
    name = TITLES[stage] if stage != "dpo" else ""
    return f"{name} {beta:g}".strip() if beta else name


def _draw_map(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the cells of a heat map, one per trial. A cell is one unit wide and one unit high."""
    rates = sorted({float(row["learning_rate"]) for row in rows})
    lines = _lines(rows)
    for row in rows:
        x = rates.index(float(row["learning_rate"]))
        y = lines.index(_line(row))
        score = optional_number(row["score"])
        tint = (COLOURS[row["stage"]], MAX_OPACITY * (score or 0))
        axes.add_patch(Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, facecolor=tint, edgecolor=LIGHT, linewidth=0.5))
        text = "–" if score is None else short(score)
        weight = "bold" if row["chosen"] == "true" else "normal"
        axes.text(x + 0.5, y + 0.52, text, size=SMALL, weight=weight, ha="center", va="center")
        if _has_corner(row):
            axes.add_patch(Polygon([(x + 0.96, y + 0.06), (x + 0.96, y + 0.46), (x + 0.7, y + 0.06)], facecolor=INK))
        if row["chosen"] == "true":
            frame = Rectangle((x, y), 1, 1, fill=False, edgecolor=INK, linewidth=1.4, zorder=3)
            axes.add_patch(frame)
    axes.set_xlim(-0.05, len(rates) + 0.05)
    axes.set_ylim(len(lines) + 0.05, -0.05)
    axes.set_xticks([column + 0.5 for column in range(len(rates))], [scientific(rate) for rate in rates])
    axes.set_yticks([line + 0.5 for line in range(len(lines))], [_line_name(*line) for line in lines])
    axes.tick_params(length=0, labelsize=6 if len(rates) < 6 else 5)
    for spine in axes.spines.values():
        spine.set_visible(False)
