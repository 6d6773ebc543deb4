"""Confusion matrices of one task: a panel per model and variant, with a row per label and a column per answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from clinical_dpo.report.figures.style import (
    COLOURS,
    COLUMN,
    ELSEWHERE,
    FAINT,
    LIGHT,
    SMALL,
    axes_at,
    drawing,
    stamp,
    title_height,
    write_footnote,
    write_title,
)
from clinical_dpo.report.figures.text import fitted, width_of
from clinical_dpo.variants import EXTERNAL, TITLES

INVALID = "invalid"  # name of the last column
STRONGEST = 0.65  # opacity of a share of 1: numbers stay legible on every cell
LABEL = 0.9  # inches: the largest width of a label's name
CELL = 0.17  # inches: the height of a cell, and its least width
HEAD, ABOVE, FOOT = 0.24, 0.3, 0.24  # inches: heights of the figure's title, of a panel's title, and of the footnote
NAME = 6  # points: font size of a panel's title


def plot_confusion(
    rows: Sequence[Mapping[str, Any]],
    *,
    title: str,
    model_names: Mapping[str, str],
    watermark: str | None,
    paths: Sequence[str | Path],
) -> None:
    """Draw the confusion matrices of a task. Each variant of each model has its own panel with one matrix.

    A matrix has a row per label and a column per answer. The last column holds invalid answers, from which no label
    can be read. Each cell shows its number of items. The larger the cell's share of the items in its row, the darker
    the cell. Up to three panels are side by side, fewer if there are many labels.

    Args:
        rows: rows of the task's confusion table, as computed or as read from CSV.
        title: title of the task.
        model_names: maps the name of a model or of external answers (made outside of the run) to the name shown.
        watermark: text laid over the figure, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    panels: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        panels.setdefault((row["model"], row["variant"]), []).append(row)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    models = list(dict.fromkeys(row["model"] for row in rows))
    names = [fitted(label, LABEL, SMALL) for label in labels]
    longest = max(width_of(name, SMALL) for name in [*names, INVALID])
    left, below = 0.12 + longest, 0.1 + 0.75 * longest  # inches that the names of the labels take
    least = 0.07 + CELL * (len(labels) + 1)
    columns = max(1, min(3, int((COLUMN - left - 0.05) / least)))
    width = max(least, (COLUMN - left - 0.05) / 3)
    height = CELL * len(labels)
    figure_width = max(COLUMN, left + columns * width + 0.05)
    lines = -(-len(panels) // columns)
    titles = {
        (model, variant): fitted(
            model_names[model] + ("" if variant == EXTERNAL else f" {TITLES[variant]}"), width - 0.07, NAME, lines=4
        )
        for model, variant in panels
    }
    head = HEAD + title_height(title, figure_width)
    above = ABOVE + max(name.count("\n") for name in titles.values()) * NAME * 1.2 / 72
    with drawing(figure_width, head + lines * (above + height) + below + FOOT, paths) as figure:
        for index, ((model, variant), cells) in enumerate(
            sorted(panels.items(), key=lambda panel: models.index(panel[0][0]))
        ):
            line, column = divmod(index, columns)
            top = head + line * (above + height) + above
            axes = axes_at(figure, left + column * width, top, width - 0.07, height)
            _draw_matrix(axes, cells, labels, COLOURS.get(variant, ELSEWHERE))
            axes.set_yticks([i + 0.5 for i in range(len(labels))], names)
            axes.set_xticks(
                [i + 0.5 for i in range(len(labels) + 1)],
                [*names, INVALID],
                rotation=45,
                ha="right",
                rotation_mode="anchor",
            )
            axes.tick_params(
                length=0, labelsize=SMALL, labelleft=column == 0, labelbottom=index + columns >= len(panels), pad=1.5
            )
            corner: tuple[Any, ...] = ((0, 1), (0, 2.5), "axes fraction", "offset points")
            axes.annotate(titles[model, variant], *corner, size=NAME, va="bottom")
        write_title(figure, title)
        write_footnote(figure, "Rows: label in the data. Columns: label of the answer. Tint: share of the row.")
        stamp(figure, watermark)


def _draw_matrix(axes: Axes, cells: Sequence[Mapping[str, Any]], labels: Sequence[str], colour: str) -> None:
    """Draw the cells of one confusion matrix. A cell is one unit wide and one unit high.

    The numbers of right answers are bold.

    Args:
        axes: the panel.
        cells: rows of the confusion table, one per cell.
        labels: labels of the task, in order.
        colour: colour of the cells; the larger a cell's share of its row, the stronger.
    """
    columns = [*labels, ""]
    for cell in cells:
        x, y = columns.index(cell["answer"]), labels.index(cell["label"])
        share = float(cell["share"]) if cell["share"] not in (None, "") else 0.0
        tint = (FAINT if cell["answer"] == "" else colour, STRONGEST * share)
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=tint, edgecolor=LIGHT, linewidth=0.5))
        weight = "bold" if x == y else "normal"
        axes.text(x + 0.5, y + 0.52, str(cell["n"]), size=SMALL, weight=weight, ha="center", va="center")
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(labels), 0)
    for spine in axes.spines.values():
        spine.set_visible(False)
