"""Figure of the reward margin during DPO: the reward of the chosen answer minus that of the rejected answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from clinical_dpo.report.figures.panels import legend, name_axes, panel_grid
from clinical_dpo.report.figures.style import COLOURS, FAINT, SMALL, short, stamp, thin_ticks, write_footnote

Rows = Sequence[Mapping[str, Any]]
Paths = Sequence[str | Path]


def plot_reward_margin(
    rows: Rows,
    *,
    task_names: Mapping[str, str],
    model_names: Mapping[str, str],
    watermarks: Mapping[str, str | None],
    paths: Paths,
) -> None:
    """Draw the reward margin over the epochs of DPO, as figure 1 of Murphy 2024 does.

    Each model of each task has a panel with a train curve and an eval curve. The margin is the reward of the chosen
    answer minus the reward of the rejected answer. A reward is beta times the log ratio of the answer's probabilities
    under the policy and the reference model (Rafailov et al. 2023, eq. 5). The scale on the right shows margin / beta:
    by how many nats the log ratios of chosen and rejected answers differ.

    Args:
        rows: rows of all tasks with the columns `statistics.reward_margin.COLUMNS`, as computed or as read from CSV.
        task_names: task -> name shown.
        model_names: model -> name shown.
        watermarks: task -> text laid over its panels, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["model"]), []).append(row)
    splits = {"train": (COLOURS["base"], 0.8), "eval": (COLOURS["dpo"], 1.4)}
    titles = [
        (task_names[task], f"{model_names[model]}, β = {float(group[0]['beta']):g}")
        for (task, model), group in groups.items()
    ]
    with panel_grid(titles, paths, height=0.95, left=0.3, right=0.33, foot=0.6) as (figure, panels):
        for axes, ((task, _), group) in zip(panels, groups.items(), strict=True):
            beta = float(group[0]["beta"])
            for split, (colour, width) in splits.items():
                curve = [(float(row["epoch"]), float(row["margin"])) for row in group if row["split"] == split]
                marker = "." if len(curve) < 10 else None  # few evaluations are shown as points too
                axes.plot(*zip(*curve, strict=True), color=colour, linewidth=width, marker=marker, markersize=3)
            axes.set_xlim(left=0)
            axes.margins(y=0.12)
            thin_ticks(axes.xaxis, axes.yaxis)
            _add_gap(axes, beta)
            _write_end(axes, group)
            stamp(axes, watermarks[task])
        name_axes(figure, panels, x="Epoch of DPO", left="Reward margin", right="Margin / β (nats)")
        handles = [Line2D([], [], color=colour, lw=width, label=split) for split, (colour, width) in splits.items()]
        legend(figure, handles, 0.24)
        margin = "Margin: reward of the chosen answer minus that of the rejected one."
        write_footnote(figure, f"{margin}\nMargin / β: the gap in log ratios that the margin implies.")


def _add_gap(axes: Axes, beta: float) -> None:
    """Add a second scale to a panel, on the right: margin / beta."""
    scale_and_inverse = (lambda margin: np.divide(margin, beta), lambda gap: np.multiply(gap, beta))
    scale = axes.secondary_yaxis("right", functions=scale_and_inverse)
    scale.spines["right"].set(visible=True, color=FAINT)
    scale.tick_params(colors=FAINT)
    thin_ticks(scale.yaxis)


def _write_end(axes: Axes, rows: Rows) -> None:
    """Write the margin, the accuracy and the share of ties at the last evaluation into a panel's lower right corner.

    The accuracy is the share of pairs with a positive margin. Ties are pairs with a margin of zero. Without ties, their
    share is left out. A rising curve does not cross this corner.
    """
    last = [row for row in rows if row["split"] == "eval"][-1]
    text = f"at the end {float(last['margin']):.3g}\naccuracy {short(float(last['accuracy']))}"
    if last["ties"] and float(last["ties"]):
        text += f"\nties {short(float(last['ties']))}"
    axes.text(1, 0.03, text, transform=axes.transAxes, size=SMALL, ha="right", va="bottom")
