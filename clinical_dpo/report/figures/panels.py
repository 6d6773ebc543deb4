"""Common parts of figures with panels: panels of equal size with titles, the names of the axes, and a legend."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clinical_dpo.report.figures.style import COLUMN, FAINT, axes_at, drawing
from clinical_dpo.report.figures.text import fitted, width_of

EDGE = 0.13  # inches at the left and the right edge for the names of the axes
TITLE, SUBTITLE = 6.5, 6.0  # points: font sizes
LEADING = 1.3  # distance from one line to the next, in font sizes
MOST_LINES = 3  # largest number of lines of a title
LEGEND_LINE = 0.14  # inches: height of a line of the legend


@contextmanager
def panel_grid(
    titles: Sequence[tuple[str, str]],
    paths: Sequence[str | Path],
    *,
    height: float,
    left: float,
    right: float,
    foot: float,
    head: float = 0.0,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a figure that is COLUMN inches wide, and its panels. The panels have titles and the same size.

    Each row of the figure has two panels side by side. If there is only one panel, it takes the whole width. The figure
    is saved when the `with` block ends without an error.

    Args:
        titles: (title, subtitle) of each panel.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
        height: inches of a panel.
        left: inches for the tick labels on the left of each panel.
        right: inches for the tick labels on the right of each panel.
        foot: inches below the lowest ticks, for legend and footnote.
        head: inches above the first row, for a title.
    """
    columns = min(len(titles), 2)
    rows = -(-len(titles) // columns)
    cell = (COLUMN - 2 * EDGE) / columns
    # A title may reach from the left edge of its panel to the left edge of the next panel.
    room = cell - max(left - EDGE, 0.06)
    folded = [
        (fitted(title, room, TITLE, "bold", MOST_LINES), fitted(subtitle, room, SUBTITLE, lines=MOST_LINES))
        for title, subtitle in titles
    ]
    below = 0.16  # inches: tick labels
    above = 0.36 + max(_beyond_first(title, TITLE) + _beyond_first(subtitle, SUBTITLE) for title, subtitle in folded)
    with drawing(COLUMN, head + rows * (above + height + below) + foot, paths) as figure:
        panels = [
            axes_at(
                figure,
                EDGE + index % columns * cell + left,
                head + index // columns * (above + height + below) + above,
                cell - left - right,
                height,
            )
            for index in range(len(titles))
        ]
        yield figure, panels
        for axes, (title, subtitle) in zip(panels, folded, strict=True):
            title_panel(axes, title, subtitle)


def title_panel(axes: Axes, title: str, subtitle: str) -> None:
    """Write a title in bold above a panel, and a subtitle between the title and the panel."""
    offset = 9 + 72 * _beyond_first(subtitle, SUBTITLE)
    lines: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (offset, title, {"weight": "bold", "size": TITLE}),
        (2.5, subtitle, {"size": SUBTITLE, "color": FAINT}),
    )
    for points, text, font in lines:
        axes.annotate(text, (0, 1), (0, points), "axes fraction", "offset points", va="bottom", **font)


def _beyond_first(text: str, size: float) -> float:
    """Height in inches of the lines of a text, without the first line. `size` is the font size in points."""
    return text.count("\n") * size * LEADING / 72


def name_axes(figure: Figure, panels: Sequence[Axes], *, x: str = "", left: str = "", right: str = "") -> None:
    """Write the names of the axes that all panels share: `x` below the panels, `left` and `right` at the sides."""
    boxes = [panel.get_position() for panel in panels]
    low, high = min(box.y0 for box in boxes), max(box.y1 for box in boxes)
    width, height = figure.get_size_inches()
    middle = (low + high) / 2
    room = min(2 * height * min(middle, 1 - middle) - 0.1, (high - low) * height + 0.3)
    figure.text(0.05 / width, middle, fitted(left, room, 7), rotation=90, ha="left", va="center")
    figure.text(1 - 0.05 / width, middle, fitted(right, room, 7), rotation=90, ha="right", va="center", color=FAINT)
    figure.text(0.5, low - 0.16 / height, fitted(x, width - 0.1, 7), ha="center", va="top")


def legend_columns(handles: Sequence[Artist], width: float = COLUMN) -> int:
    """The largest number of columns with which a legend of these entries fits into `width` inches."""
    widest = max(width_of(str(handle.get_label()), 7) for handle in handles)
    return max(1, min(len(handles), int((width - 0.1) / (widest + 0.35))))  # .35: line, gap, and gap to the next column


def legend_height(handles: Sequence[Artist]) -> float:
    """Height in inches of a legend with these entries, in a figure that is COLUMN inches wide."""
    return LEGEND_LINE * math.ceil(len(handles) / legend_columns(handles))


def legend(figure: Figure, handles: Sequence[Artist], above: float) -> None:
    """Add a legend to a figure. The legend's lower edge is `above` inches over the lower edge of the figure."""
    anchor = (0.0, above / figure.get_size_inches()[1])
    columns = legend_columns(handles, figure.get_size_inches()[0])
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=anchor, ncols=columns)
