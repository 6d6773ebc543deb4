"""Confusion matrices of one task: a panel per model and variant, labels down, answers across."""

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
    write_footnote,
    write_title,
)
from clinical_dpo.variants import EXTERNAL, TITLES

STRONGEST = 0.65  # opacity of a share of 1: numbers stay legible on every cell
LONGEST = 18  # characters of a label that are shown
CELL = 0.17  # inches, the height of a row
HEAD, ABOVE, FOOT = 0.24, 0.3, 0.24  # inches: the figure's title, a panel's, the footnote


def plot_confusion(
    rows: Sequence[Mapping[str, Any]],
    *,
    title: str,
    model_names: Mapping[str, str],
    watermark: str | None,
    paths: Sequence[str | Path],
) -> None:
    """Draw every variant's matrix: the number of items in each cell, tinted by its share of the label's items.

    Three panels a row, those of one model. The last column of a panel holds invalid answers.

    Args:
        rows: of the task's confusion table, as made or as read from CSV.
        title: of the task.
        model_names: model -> name shown, also of external answers.
        watermark: text laid over the figure, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    panels: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        panels.setdefault((row["model"], row["variant"]), []).append(row)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    models = list(dict.fromkeys(row["model"] for row in rows))
    longest = max(len(_short(label)) for label in labels)
    left, below = 0.2 + 0.043 * longest, 0.1 + 0.04 * longest  # inches that the names of the labels take
    width, height = (COLUMN - left - 0.05) / 3, CELL * len(labels)
    lines = -(-len(panels) // 3)
    with drawing(COLUMN, HEAD + lines * (ABOVE + height) + below + FOOT, paths) as figure:
        for index, ((model, variant), cells) in enumerate(
            sorted(panels.items(), key=lambda panel: models.index(panel[0][0]))
        ):
            line, column = divmod(index, 3)
            top = HEAD + line * (ABOVE + height) + ABOVE
            axes = axes_at(figure, left + column * width, top, width - 0.07, height)
            _draw_matrix(axes, cells, labels, COLOURS.get(variant, ELSEWHERE))
            axes.set_yticks([i + 0.5 for i in range(len(labels))], [_short(label) for label in labels])
            names = [*map(_short, labels), "invalid"]
            axes.set_xticks(
                [i + 0.5 for i in range(len(names))], names, rotation=45, ha="right", rotation_mode="anchor"
            )
            axes.tick_params(
                length=0, labelsize=SMALL, labelleft=column == 0, labelbottom=index + 3 >= len(panels), pad=1.5
            )
            name = "" if variant == EXTERNAL else f" {TITLES[variant]}"
            axes.annotate(
                f"{model_names[model]}{name}", (0, 1), (0, 2.5), "axes fraction", "offset points", size=6, va="bottom"
            )
        write_title(figure, title)
        write_footnote(figure, "Rows: label; columns: answer. Items; tint: share of the label's items.")
        stamp(figure, watermark)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"


def _draw_matrix(axes: Axes, cells: Sequence[Mapping[str, Any]], labels: Sequence[str], colour: str) -> None:
    """Cells of one panel, a unit wide and high; right answers have a frame of ink."""
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
