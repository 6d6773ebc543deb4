"""Reliability diagrams of one task: whether labels are as frequent as the models' probabilities say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from clinical_dpo.report.figures.panels import legend, legend_height, name_axes, panel_grid
from clinical_dpo.report.figures.style import COLOURS, ELSEWHERE, FAINT, stamp, write_footnote
from clinical_dpo.variants import EXTERNAL, TITLES

SHIFT = 0.008  # probability between the dots of two variants, so that whiskers at the same probability stay apart


def plot_reliability(
    rows: Sequence[Mapping[str, Any]],
    *,
    title: str,
    model_names: Mapping[str, str],
    watermark: str | None,
    paths: Sequence[str | Path],
) -> None:
    """Draw a panel per model with a line per variant: the observed share (y) and the mean probability (x) of each bin.

    A bin holds the items whose probabilities are in one tenth of the scale. The observed share of a bin is the share of
    its items that have the positive label or, with more than two labels, whose most probable label is the true one.
    Whiskers are 95% intervals of the observed shares. The intervals are Wilson's, or clustered intervals if the items
    are in groups. The area of a dot grows with the number of items in its bin. The line of a calibrated model is the
    diagonal.

    Args:
        rows: rows of the task's reliability table, as computed or as read from CSV.
        title: title of the task.
        model_names: maps the name of a model or of external answers (made outside of the run) to the name shown.
        watermark: text laid over the figure, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    models: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in rows:
        models.setdefault(row["model"], {}).setdefault(row["variant"], []).append(row)
    label = rows[0]["label"]
    drawn = dict.fromkeys(variant for variants in models.values() for variant in variants)
    handles = [
        Line2D([], [], color=COLOURS.get(variant, ELSEWHERE), marker="o", markersize=3, label=_name(variant))
        for variant in drawn
    ]
    titles = [(title, model_names[model]) for model in models]
    foot = 0.44 + legend_height(handles)
    with panel_grid(titles, paths, height=1.15, left=0.27, right=0.05, foot=foot) as (figure, panels):
        for axes, variants in zip(panels, models.values(), strict=True):
            for index, (variant, bins) in enumerate(variants.items()):
                _draw_line(axes, bins, COLOURS.get(variant, ELSEWHERE), SHIFT * (index - 1))
            axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.6, linestyle=(0, (3, 2)), zorder=0)
            axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
            stamp(axes, watermark)
        shown = f"Probability of {label}" if label else "Probability of the likeliest label"
        name_axes(figure, panels, x=shown, left=f"Share that is {label}" if label else "Share that is right")
        legend(figure, handles, above=0.2)
        write_footnote(figure, "Bins of .1; 95% CI (Wilson; groups: clustered); dots grow with the items of a bin.")


def _name(variant: str) -> str:
    return "elsewhere" if variant == EXTERNAL else TITLES[variant]


def _draw_line(axes: Axes, bins: Sequence[Mapping[str, Any]], colour: str, shift: float) -> None:
    """Draw the line, the dots and the whiskers of one variant.

    Args:
        axes: the panel.
        bins: rows of the reliability table, one per bin of the probability.
        colour: colour of the variant.
        shift: number that is added to the probability of each bin, so that whiskers of different variants stay apart.
    """
    x = [float(row["mean_probability"]) + shift for row in bins]
    y = [float(row["observed"]) for row in bins]
    sizes = [float(row["n"]) for row in bins]
    axes.plot(x, y, color=colour, linewidth=0.8)
    # A bin whose items are all in one group has no interval.
    whiskers = [(at, row) for at, row in zip(x, bins, strict=True) if row["ci_low"] not in (None, "")]
    lows, highs = ([float(row[end]) for _, row in whiskers] for end in ("ci_low", "ci_high"))
    axes.vlines([at for at, _ in whiskers], lows, highs, colour, linewidth=0.6)
    axes.scatter(x, y, [3 + 30 * size / sum(sizes) for size in sizes], color=colour, linewidths=0, zorder=3)
