"""Forest plot of one task: the differences between variants in subgroups, with a panel per comparison."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from clinical_dpo.paths import parse_comparison
from clinical_dpo.report.figures.style import (
    COLOURS,
    COLUMN,
    FAINT,
    INK,
    SMALL,
    axes_at,
    drawing,
    stamp,
    thin_ticks,
    title_height,
    write_footnote,
    write_title,
)
from clinical_dpo.report.figures.text import fitted
from clinical_dpo.report.p_values import format_p
from clinical_dpo.variants import PAIRS, TITLES

LINE = 0.115  # inches, the height of a row
HEAD, ABOVE, BELOW, FOOT = 0.24, 0.17, 0.2, 0.3  # inches: figure's title, a panel's title, its ticks, the footnote
NAME = 0.11  # inches: height of a line of a model's name above its panels
LEFT = 1.02  # inches for the names of the levels
BESIDE = ("axes fraction", "data")  # coordinates of a text: share of the panel's width, number of the line

Rows = Sequence[Mapping[str, Any]]


def plot_subgroups(
    rows: Rows,
    *,
    title: str,
    model_names: Mapping[str, str],
    watermark: str | None,
    paths: Sequence[str | Path],
) -> None:
    """Draw the difference between two variants, with its interval, in every level of every subgroup.

    A subgroup is a feature that divides the test items, such as sex. A level is one of its values. The P of a
    subgroup's interaction test is beside the subgroup's name. The dashed line is the difference over all items. A
    masked level, which has few items or patients, has no marker. Up to three panels are side by side.

    Args:
        rows: rows of the task's table of subgroups, as computed or as read from CSV.
        title: title of the task.
        model_names: model -> name shown.
        watermark: text laid over the figure, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    differences = [row for row in rows if row["compared"] not in TITLES]
    shown: dict[str, list[str]] = {}  # model -> comparisons
    for row in differences:
        if row["compared"] not in shown.setdefault(row["model"], []):
            shown[row["model"]].append(row["compared"])
    bands = [
        (model, names[start : start + len(PAIRS)])
        for model, names in shown.items()
        for start in range(0, len(names), len(PAIRS))
    ]
    lines = _lines(list(dict.fromkeys((row["subgroup"], row["level"]) for row in differences)))
    height, width = LINE * len(lines), (COLUMN - LEFT - 0.05) / len(PAIRS)
    names = {model: fitted(model_names[model], COLUMN - 0.14, 6, "bold", lines=3) for model in shown}
    head = HEAD + title_height(title)
    above = ABOVE + NAME * max(name.count("\n") + 1 for name in names.values())
    with drawing(COLUMN, head + len(bands) * (above + height + BELOW) + FOOT, paths) as figure:
        for position, (model, comparisons) in enumerate(bands):
            top = head + position * (above + height + BELOW) + above
            for column, comparison in enumerate(comparisons):
                axes = axes_at(figure, LEFT + column * width, top, width - 0.08, height)
                own = [row for row in differences if (row["model"], row["compared"]) == (model, comparison)]
                _draw_panel(axes, own, lines, COLOURS[parse_comparison(comparison)[0]])
                stamp(axes, watermark)
                if column == 0:
                    _name_lines(axes, lines, names[model])
        write_title(figure, title)
        unit = "percentage points" if _in_points(differences) else differences[0]["measure"]
        masked = "Masked: few items or patients. " if any(row["masked"] == "true" for row in differences) else ""
        write_footnote(
            figure,
            f"Difference in {unit}; whiskers: 95% CI; dashed: all items.\n"
            f"{masked}P: interaction test, Holm over the subgroups.",
        )


def _lines(levels: Sequence[tuple[str, str]]) -> list[tuple[str, str | None]]:
    """Lines of a panel from top to bottom, as (subgroup, level).

    The first line is for all items. Each subgroup then has a line for its name (level None) and a line per level.

    Args:
        levels: all pairs (subgroup, level), in order. The first pair is for all items.
    """
    lines: list[tuple[str, str | None]] = []
    for subgroup, level in levels:
        if lines and (subgroup, None) not in lines:
            lines.append((subgroup, None))
        lines.append((subgroup, level))
    return lines


def _in_points(rows: Rows) -> bool:
    """Whether the rows have differences of shares. Such differences are shown in percentage points."""
    return rows[0]["measure"] in ("accuracy", "helpfulness")


def _draw_panel(axes: Axes, rows: Rows, lines: Sequence[tuple[str, str | None]], colour: str) -> None:
    """Draw the panel of one comparison of one model.

    Args:
        axes: the panel.
        rows: rows of the table of subgroups about this comparison. The first row is about all items.
        lines: the lines of the panel, from `_lines`.
        colour: colour of the markers and intervals.
    """
    scale = 100 if _in_points(rows) else 1
    p_values: dict[str, Any] = {row["subgroup"]: row["p_levels_holm"] for row in rows}
    of_level = {(row["subgroup"], row["level"]): row for row in rows}
    axes.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
    if rows[0]["estimate"] not in (None, ""):
        overall = scale * float(rows[0]["estimate"])
        axes.axvline(overall, color=colour, linewidth=0.5, linestyle=(0, (3, 2)), zorder=0)
    for y, (subgroup, level) in enumerate(lines):
        row = of_level[subgroup, level] if level is not None else None
        if row is None:
            p = p_values[subgroup]
            words = "" if p in (None, "") else f"P {format_p(float(p))}"
            axes.annotate(words, (1, y), xycoords=BESIDE, size=SMALL, ha="right", va="center")
        elif row["estimate"] in (None, ""):
            words = "masked" if row["masked"] == "true" else "–"
            font: dict[str, Any] = {"size": SMALL, "color": FAINT, "ha": "center", "va": "center"}
            box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
            axes.annotate(words, (0.5, y), xycoords=BESIDE, bbox=box, **font)
        else:
            axes.plot([scale * float(row["estimate"])], [y], "s", color=colour, markersize=2.6, zorder=3)
            if row["ci_low"] not in (None, ""):
                axes.hlines(y, scale * float(row["ci_low"]), scale * float(row["ci_high"]), colour, linewidth=0.8)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    thin_ticks(axes.xaxis)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelsize=SMALL)
    first, second = (TITLES[variant] for variant in parse_comparison(rows[0]["compared"]))
    axes.annotate(f"{first} − {second}", (0.5, 1), (0, 2.5), "axes fraction", "offset points", size=6, ha="center")


def _name_lines(axes: Axes, lines: Sequence[tuple[str, str | None]], model: str) -> None:
    """Write the name of the model above a panel, and the names of subgroups and levels to the left of the panel."""
    left = 5 - 72 * LEFT  # points
    axes.annotate(model, (0, 1), (left, 11), "axes fraction", "offset points", size=6, weight="bold", va="bottom")
    for y, (subgroup, level) in enumerate(lines):
        weight = "bold" if level is None else "normal"
        axes.annotate(
            fitted(subgroup if level is None else level, LEFT - 0.16, SMALL, weight),
            (0, y),
            (left + (5 if level is not None and y else 0), 0),
            BESIDE,
            "offset points",
            size=SMALL,
            weight=weight,
            color=INK,
            va="center",
            annotation_clip=False,
        )
