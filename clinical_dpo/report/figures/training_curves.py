"""Figure of the training curves: the eval loss of every trial."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite, log
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from clinical_dpo.io import Row, read_csv
from clinical_dpo.paths import parse, parse_trial
from clinical_dpo.report.figures.panels import legend, legend_height, name_axes, panel_grid
from clinical_dpo.report.figures.style import (
    FAINT,
    INK,
    SEQUENCE,
    scientific,
    stamp,
    thin_ticks,
    title_height,
    write_footnote,
    write_title,
)
from clinical_dpo.training.plateau import eval_curve
from clinical_dpo.variants import TITLES, sorted_variants

Rows = Sequence[Mapping[str, Any]]
Paths = Sequence[str | Path]
COLUMNS = ("task", "model", "stage", "trial", "learning_rate", "beta", "chosen", "step", "eval_loss")
LINE_STYLES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1, 0.8)), (0, (4, 1, 1, 1)))  # one per beta of a sweep
CEILING = 1.4  # highest top of a panel as a multiple of the loss at the start; curves of diverging trials go beyond it
LN2 = log(2)  # DPO's loss where policy and reference agree


def curve_rows(logs: Paths, selections: Paths) -> list[Row]:
    """Make a row with the columns COLUMNS for every evaluation of every trial. The column `chosen` marks chosen trials.

    Args:
        logs: the path {task}/{model}/{stage}/{trial}/{probe or adapter}/log.csv of every trial, in the order of the
            sweeps.
        selections: the path {task}/{model}/{stage}/selection.csv of every sweep.
    """
    chosen = {
        (*parse("selection", path).values(), row["trial"]): row["chosen"]
        for path in selections
        for row in read_csv(path)
    }
    return [
        {key: names[key] for key in ("task", "model", "stage", "trial")}
        | {"beta": None}
        | parse_trial(names["trial"], names["stage"])
        | {"chosen": chosen[names["task"], names["model"], names["stage"], names["trial"]]}
        | {"step": step, "eval_loss": loss}
        for path in logs
        for names in [parse("trial_log", path)]
        for step, loss in eval_curve(read_csv(path))
    ]


def plot_training_curves(
    rows: Rows, *, title: str, model_names: Mapping[str, str], watermark: str | None, paths: Paths
) -> None:
    """Draw the eval loss of all trials of a task, in one panel per model and stage.

    The panels of a model are in the order SFT, DPO, SFT longer, DPO+SFT, as far as the task has these stages. The
    colour of a line shows the learning rate, and the line style shows beta. The line of the chosen trial is thick and
    ends in a ring. The line of a diverging trial leaves its panel at the top. A trial with a single evaluation is a
    dot.

    Args:
        rows: the task's rows from `curve_rows`.
        title: name of the task.
        model_names: model -> name shown.
        watermark: text laid over every panel, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    rates = sorted({float(row["learning_rate"]) for row in rows})
    shades = colormaps[SEQUENCE]
    colours = {rate: shades(0.85 * rank / max(1, len(rates) - 1)) for rank, rate in enumerate(rates)}
    betas = sorted({float(row["beta"]) for row in rows if row["beta"]})
    line_styles = {beta: LINE_STYLES[rank % len(LINE_STYLES)] for rank, beta in enumerate(betas)}
    groups = [
        [row for row in rows if (row["model"], row["stage"]) == (model, stage)]
        for model in dict.fromkeys(row["model"] for row in rows)
        for stage in sorted_variants(row["stage"] for row in rows)
    ]
    handles = [Line2D([], [], color=colour, label=scientific(rate)) for rate, colour in colours.items()]
    handles += [
        Line2D([], [], color=INK, linestyle=line_style, label=f"β = {beta:g}")
        for beta, line_style in line_styles.items()
    ]
    handles.append(Line2D([], [], color=INK, linewidth=1.8, marker="o", markersize=4, mfc="white", label="chosen"))
    titles = [(TITLES[group[0]["stage"]], model_names[group[0]["model"]]) for group in groups]
    head, foot = 0.16 + title_height(title), 0.4 + legend_height(handles)
    grid = panel_grid(titles, paths, height=0.95, left=0.4, right=0.04, head=head, foot=foot)
    with grid as (figure, panels):
        write_title(figure, title)
        for axes, group in zip(panels, groups, strict=True):
            _draw_curves(axes, group, colours, line_styles)
            stamp(axes, watermark)
        name_axes(figure, panels, x="Optimizer step", left="Loss on the eval split")
        legend(figure, handles, 0.15)
        write_footnote(figure, "Colour: learning rate. Chosen: by the score on dev. Dotted: ln 2, where DPO starts.")


def _draw_curves(axes: Axes, rows: Rows, colours: Mapping[float, Any], line_styles: Mapping[float, Any]) -> None:
    """Draw the curves of a stage's trials, the chosen trial on top.

    Args:
        axes: the panel.
        rows: rows of `curve_rows` of one model and stage.
        colours: learning rate -> colour.
        line_styles: beta -> line style.
    """
    trials: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        trials.setdefault(row["trial"], []).append(row)
    for trial in trials.values():
        options: dict[str, Any] = {"color": colours[float(trial[0]["learning_rate"])], "linewidth": 0.8}
        options["linestyle"] = line_styles[float(trial[0]["beta"])] if trial[0]["beta"] else "-"
        if trial[0]["chosen"] == "true":
            options |= {
                "linewidth": 1.8,
                "zorder": 3,
                "marker": "o",
                "markersize": 4,
                "mfc": "white",
                "markevery": [-1],
            }
        if len(trial) == 1:
            options.setdefault("marker", "o")
            options.setdefault("markersize", 2)
        axes.plot([int(row["step"]) for row in trial], [float(row["eval_loss"]) for row in trial], **options)
    losses = [float(row["eval_loss"]) for row in rows]
    starts = [float(row["eval_loss"]) for row in rows if int(row["step"]) == 0]
    ceiling = CEILING * starts[0] if starts else inf
    if max(filter(isfinite, losses), default=0) > ceiling:
        axes.set_ylim(top=ceiling)
    if rows[0]["stage"] == "dpo":
        axes.axhline(LN2, color=FAINT, linewidth=0.6, linestyle=":", zorder=0)
    axes.set_xlim(left=0)
    thin_ticks(axes.xaxis, axes.yaxis)
