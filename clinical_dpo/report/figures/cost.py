"""Figure of the cost of training: minutes per 1,000 steps, time of all runs, and the ratio of DPO's to SFT's time.

Each row of the chart shows two measured ratios of DPO to SFT. The ratio of a step compares the mean times of the
training steps per training row (per preference pair in DPO). The ratio of a whole run compares the mean times of a run,
which include evaluations, loading and the reference pass.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from clinical_dpo.report.figures.panels import legend, legend_height
from clinical_dpo.report.figures.style import (
    COLOURS,
    COLUMN,
    FAINT,
    INK,
    LIGHT,
    axes_at,
    drawing,
    footnote_lines,
    stamp,
    thin_ticks,
    write_footnote,
)
from clinical_dpo.report.figures.text import fitted, width_of
from clinical_dpo.variants import STAGES, TITLES, sorted_variants

Stages = dict[str, Mapping[str, Any]]  # stage -> row
PUBLISHED_DEVICE = "one A100 (Savage et al. 2025)"
LINE, TOP, FOOT = 0.145, 0.4, 0.27  # heights in inches: a line, the head, and the foot without legend and footnote
NAMES, MOST_NAMES = 0.72, 1.7  # inches: the least and the largest width for the names of the models
FOOT_LINE = 0.1  # inches: height of a line of the footnote
RUN_MARKER: dict[str, Any] = {"marker": "s", "markersize": 3.5, "markerfacecolor": "white", "zorder": 3}
PUBLISHED_MARKER: dict[str, Any] = {
    "marker": "D",
    "markersize": 4,
    "markerfacecolor": "none",
    "zorder": 3,
    "markeredgewidth": 0.9,
}


def plot_cost(
    rows: Sequence[Mapping[str, Any]],
    *,
    task_names: Mapping[str, str],
    model_names: Mapping[str, str],
    watermark: str | None,
    paths: Sequence[str | Path],
) -> None:
    """Draw a dot chart of training time, with a row per task and model.

    A row of the chart shows three things:

    - The minutes per 1,000 steps of SFT, DPO and every other training stage.
    - The ratio of DPO's to SFT's time, for a step and for a whole run.
    - The total time of all SFT runs, and of all DPO runs.

    Diamonds are published values.

    Args:
        rows: rows of the cost table, from `cost_table.cost_rows`.
        task_names: task -> name shown.
        model_names: model -> name shown.
        watermark: text laid over the figure, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    models_by_task: dict[str, dict[str, Stages]] = {}
    for row in rows:
        models_by_task.setdefault(row["task"], {}).setdefault(row["model"], {})[row["stage"]] = row
    lines = sum(len(models) + 1 for models in models_by_task.values())
    panel_height = LINE * lines
    drawn = sorted_variants(row["stage"] for row in rows)
    dots: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 4}
    handles = [Line2D([], [], color=COLOURS[stage], label=TITLES[stage], **dots) for stage in drawn]
    handles.append(Line2D([], [], color=INK, label="ratio of a step", **dots))
    handles.append(Line2D([], [], color=INK, label="of a whole run", **dots | RUN_MARKER))
    published = any(row[key] for row in rows for key in ("published_minutes", "published_ratio"))
    if published:
        handles.append(Line2D([], [], color=FAINT, label="published", linestyle="", **PUBLISHED_MARKER))
    devices = " and ".join(sorted({row["device"] for row in rows}))
    names = min(MOST_NAMES, max(NAMES, *(width_of(model_names[row["model"]], 6) for row in rows)))
    width = COLUMN + names - NAMES
    footnote = footnote_lines(
        f"This run: {devices}. {f'Published: {PUBLISHED_DEVICE}. ' if published else ''}The ratio of a "
        "step compares times per row without evaluations. A whole run and all runs include evaluations, loading and "
        "the reference pass. Answers on dev are not timed.",
        width,
    )
    foot = FOOT + FOOT_LINE * (footnote.count("\n") + 1) + legend_height(handles)
    with drawing(width, TOP + panel_height + foot, paths) as figure:
        minutes, ratio = (
            axes_at(figure, left, TOP, panel_width, panel_height)
            for left, panel_width in ((0.13 + names, 1.15), (1.4 + names, 0.6))
        )
        _set_up_panel(minutes, lines, "min per 1,000 steps")
        _set_up_panel(ratio, lines, "DPO / SFT")
        minutes.set_xscale("log")
        minutes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        minutes.xaxis.set_minor_formatter(FuncFormatter(_minor_tick if _few_ticks(rows) else lambda *_: ""))
        ratio.set_xlim(0, 1.15 * max(4, *(_largest(row, "row_ratio", "run_ratio", "published_ratio") for row in rows)))
        thin_ticks(ratio.xaxis)
        unit, seconds = ("h", 3600) if max(float(row["seconds"]) for row in rows) >= 3600 else ("min", 60)
        ratio.annotate(f"all runs, {unit}:\nSFT + DPO", (1.15, 1), (0, 3), "axes fraction", "offset points", size=6)
        line = 0
        for task, models in models_by_task.items():
            task_name = fitted(task_names[task], width - 0.12, 6, "bold")
            _write(minutes, -(names + 0.07) / 1.15, line, task_name, weight="bold")
            for model, stages in models.items():
                line += 1
                _write(minutes, -names / 1.15, line, fitted(model_names[model], names, 6))
                _draw_minutes(minutes, stages, line)
                _draw_ratio(ratio, stages["dpo"], line)
                hours = " + ".join(f"{float(stages[stage]['seconds']) / seconds:.1f}" for stage in STAGES)
                _write(ratio, 1.15, line, hours)
            line += 1
        legend(figure, handles, 0.12 + FOOT_LINE * (footnote.count("\n") + 1))
        write_footnote(figure, footnote)
        stamp(figure, watermark)


def _few_ticks(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the axis of minutes per 1,000 steps has room for labels of minor ticks.

    It has room if the largest value, measured or published, is less than 30 times the smallest value.
    """
    minutes = [float(row[key]) for row in rows for key in ("minutes_per_1000_steps", "published_minutes") if row[key]]
    return max(minutes) < 30 * min(minutes)


def _largest(row: Mapping[str, Any], *columns: str) -> float:
    """The largest of the numbers that a row has in `columns`. An empty value counts as 0."""
    return max(float(row[column] or 0) for column in columns)


def _minor_tick(value: float, _: Any) -> str:
    """Label of a minor tick of a logarithmic scale: the value if it is 2 or 5 times a power of ten, else ""."""
    return f"{value:g}" if f"{value:e}"[0] in "25" else ""


def _set_up_panel(axes: Axes, lines: int, name: str) -> None:
    """Set up a panel for `lines` rows of the chart. The x axis is above the panel and has the label `name`."""
    axes.set_ylim(lines - 0.3, -0.7)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(name)


def _write(axes: Axes, x: float, line: int, text: str, **font: Any) -> None:
    """Write text in row number `line` of the chart.

    `x` is a share of the panel's width. A negative `x` is left of the panel.
    """
    axes.text(x, line, text, transform=axes.get_yaxis_transform(), size=6, va="center", **font)


def _draw_minutes(axes: Axes, stages: Stages, y: int) -> None:
    """Draw the minutes per 1,000 steps of each stage as dots in row `y` of a panel, and a line from SFT to DPO.

    Published minutes are diamonds.

    Args:
        axes: the panel.
        stages: stage -> its row of the cost table.
        y: number of the panel's row.
    """
    paces = {stage: float(stages[stage]["minutes_per_1000_steps"]) for stage in sorted_variants(stages)}
    axes.plot([paces[stage] for stage in STAGES], [y, y], color=LIGHT, linewidth=2, zorder=1)
    for stage, pace in paces.items():
        axes.plot(pace, y, "o", color=COLOURS[stage], markersize=4)
        if stages[stage]["published_minutes"]:
            axes.plot(float(stages[stage]["published_minutes"]), y, color=COLOURS[stage], **PUBLISHED_MARKER)


def _draw_ratio(axes: Axes, dpo: Mapping[str, Any], y: int) -> None:
    """Draw the ratios of DPO's training time to SFT's training time, as marks at height `y` of a panel.

    One mark is the ratio of the times per training row. Another mark is the ratio of the times of a whole run. A third
    mark is the published ratio. It is left out if no ratio is published.

    Args:
        axes: the panel.
        dpo: the cost table's row about DPO.
        y: height of the marks: the number of a row of the chart.
    """
    axes.plot(float(dpo["run_ratio"]), y, color=INK, **RUN_MARKER)
    axes.plot(float(dpo["row_ratio"]), y, "o", color=INK, markersize=4)
    if dpo["published_ratio"]:
        axes.plot(float(dpo["published_ratio"]), y, color=INK, **PUBLISHED_MARKER)
