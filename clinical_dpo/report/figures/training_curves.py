"""Figure of the training curves: the eval loss of every trial."""

from collections.abc import Mapping, Sequence
from math import isfinite, log
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from clinical_dpo.io import Row, read_csv
from clinical_dpo.paths import parse
from clinical_dpo.report.figures.style import (
    FAINT,
    INK,
    SEQUENCE,
    legend,
    name_axes,
    panel_grid,
    scientific,
    stamp,
    thin_ticks,
    title_panel,
    write_footnote,
    write_title,
)
from clinical_dpo.training.plateau import eval_curve
from clinical_dpo.variants import STAGES, TITLES, parse_trial

Rows = Sequence[Mapping[str, Any]]
Paths = Sequence[str | Path]
COLUMNS = ("task", "model", "stage", "trial", "learning_rate", "beta", "chosen", "step", "eval_loss")
LINES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1, 0.8)), (0, (4, 1, 1, 1)))  # of a sweep's betas
CEILING = 1.4  # times the loss at the start: trials that diverge leave the panel, the others stay legible
LN2 = log(2)  # DPO's loss where policy and reference agree


def curve_rows(logs: Paths, selections: Paths) -> list[Row]:
    """Rows of COLUMNS: the eval loss of every trial, with the chosen ones named.

    Args:
        logs: {task}/{model}/{stage}/{trial}/adapter/log.csv of every trial, in the sweeps' order.
        selections: {task}/{model}/{stage}/selection.csv of every sweep.
    """
    chosen = {
        (*parse("selection", path).values(), row["trial"]): row["chosen"]
        for path in selections
        for row in read_csv(path)
    }
    return [
        {"task": of["task"], "model": of["model"], "stage": of["stage"], "trial": of["trial"], "beta": None}
        | parse_trial(of["trial"], of["stage"])
        | {"chosen": chosen[of["task"], of["model"], of["stage"], of["trial"]], "step": step, "eval_loss": loss}
        for path in logs
        for of in [parse("trial_log", path)]
        for step, loss in eval_curve(read_csv(path))
    ]


def plot_training_curves(
    rows: Rows, *, title: str, model_names: Mapping[str, str], watermark: str | None, paths: Paths
) -> None:
    """Eval loss of all trials of one task, a row of panels a model, SFT on the left and DPO on the right.

    Colour is the learning rate, the line's style is beta; the chosen trial is thick and ends in a ring. A trial that
    diverges leaves its panel at the top.

    Args:
        rows: from `curve_rows`, those of the task.
        title: the task's name.
        model_names: model -> name shown.
        watermark: text laid over every panel, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    rates = sorted({float(row["learning_rate"]) for row in rows})
    shades = colormaps[SEQUENCE]
    colours = {rate: shades(0.85 * place / max(1, len(rates) - 1)) for place, rate in enumerate(rates)}
    betas = sorted({float(row["beta"]) for row in rows if row["beta"]})
    lines = {beta: LINES[place % len(LINES)] for place, beta in enumerate(betas)}
    groups = [
        [row for row in rows if (row["model"], row["stage"]) == (model, stage)]
        for model in dict.fromkeys(row["model"] for row in rows)
        for stage in STAGES
    ]
    handles = [Line2D([], [], color=colour, label=scientific(rate)) for rate, colour in colours.items()]
    handles += [Line2D([], [], color=INK, linestyle=line, label=f"β = {beta:g}") for beta, line in lines.items()]
    handles.append(Line2D([], [], color=INK, linewidth=1.8, marker="o", markersize=4, mfc="white", label="chosen"))
    grid = panel_grid(
        len(groups), paths, height=0.95, left=0.26, right=0.04, head=0.16, foot=0.4 + 0.14 * -(-len(handles) // 5)
    )
    with grid as (figure, panels):
        write_title(figure, title)
        for axes, group in zip(panels, groups, strict=True):
            _draw_curves(axes, group, colours, lines)
            title_panel(axes, TITLES[group[0]["stage"]], model_names[group[0]["model"]])
            stamp(axes, watermark)
        name_axes(figure, panels, x="Optimizer step", left="Loss on the eval split")
        legend(figure, handles, 0.15, columns=5)
        write_footnote(figure, "Colour: learning rate. Chosen: by the score on dev. Dotted: ln 2, where DPO starts.")


def _draw_curves(axes: Axes, rows: Rows, colours: Mapping[float, Any], lines: Mapping[float, Any]) -> None:
    """One stage's trials; the chosen one lies on top."""
    trials: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        trials.setdefault(row["trial"], []).append(row)
    for trial in trials.values():
        looks: dict[str, Any] = {"color": colours[float(trial[0]["learning_rate"])], "linewidth": 0.8}
        looks["linestyle"] = lines[float(trial[0]["beta"])] if trial[0]["beta"] else "-"
        if trial[0]["chosen"] == "true":
            looks |= {"linewidth": 1.8, "zorder": 3, "marker": "o", "markersize": 4, "mfc": "white", "markevery": [-1]}
        axes.plot([int(row["step"]) for row in trial], [float(row["eval_loss"]) for row in trial], **looks)
    losses = [float(row["eval_loss"]) for row in rows]
    ceiling = CEILING * losses[0]
    if max(filter(isfinite, losses)) > ceiling:
        axes.set_ylim(top=ceiling)
    if rows[0]["stage"] == "dpo":
        axes.axhline(LN2, color=FAINT, linewidth=0.6, linestyle=":", zorder=0)
    axes.set_xlim(left=0)
    thin_ticks(axes.xaxis, axes.yaxis)
