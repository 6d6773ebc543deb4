"""The look of every figure: colours, type, sizes, the watermark, and files that are the same for the same rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from clinical_dpo.escaping import printable
from clinical_dpo.io import replacing

# Paul Tol's vibrant scheme: told apart with every colour vision, and by lightness in grey.
COLOURS = {"base": "#9A9A9A", "sft": "#0077BB", "dpo": "#CC3311"}
INK, FAINT, LIGHT = "#222222", "#777777", "#DDDDDD"
SEQUENCE = "cividis"  # colour map of numbers: light means more, with every colour vision
COLUMN = 3.4  # inches: the width of one journal column
SMALL = 5.5  # points: the smallest type
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "font.size": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 7,
    "axes.titlelocation": "left",
    "axes.labelpad": 2,
    "xtick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "xtick.major.pad": 2,
    "ytick.major.width": 0.6,
    "ytick.major.size": 2.5,
    "ytick.major.pad": 2,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "lines.linewidth": 1.0,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.borderpad": 0.2,
    "legend.columnspacing": 1.2,
    "text.parse_math": False,  # a dollar sign in a title is one
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # editors can change the text
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "clinical-dpo",
}
_UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


@contextmanager
def drawing(width: float, height: float, paths: Sequence[str | Path]) -> Iterator[Figure]:
    """A figure to draw on, saved when the block ends well, byte for byte the same for the same drawing.

    Args:
        width: inches.
        height: inches.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    with style.context(STYLE, after_reset=True):  # whatever the matplotlibrc here
        figure = Figure(figsize=(width, height))
        yield figure
        for drawn in figure.findobj(Text):
            drawn.set_text(printable(drawn.get_text()))
        for path in paths:
            kind = Path(path).suffix.removeprefix(".")
            with replacing(path) as part:
                figure.savefig(part, format=kind, metadata=_UNDATED.get(kind))


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes in a place given in inches from the figure's upper left corner."""
    whole_width, whole_height = figure.get_size_inches()
    bottom = whole_height - top - height
    return figure.add_axes((left / whole_width, bottom / whole_height, width / whole_width, height / whole_height))


def title_panel(axes: Axes, title: str, below: str) -> None:
    """Two lines above a panel: what it is of, in bold, and a smaller one; a long title is set smaller to fit."""
    room = 72 * COLUMN / 2  # points, in a figure with two panels a row
    fitting = min(6.5, 1.3 * room / len(title))
    lines: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (9, title, {"weight": "bold", "size": fitting}),
        (2.5, below, {"size": 6, "color": FAINT}),
    )
    for offset, text, font in lines:
        axes.annotate(text, (0, 1), (0, offset), "axes fraction", "offset points", va="bottom", **font)


def write_footnote(figure: Figure, text: str) -> None:
    """What a reader must know beside the drawing, along the lower edge."""
    left = 0.07 / figure.get_size_inches()[0]
    bottom = 0.045 / figure.get_size_inches()[1]
    figure.text(left, bottom, text, size=SMALL, color=FAINT, va="bottom", linespacing=1.3)


def stamp(target: Figure | Axes, watermark: str | None) -> None:
    """Lay a watermark across a figure, or across one panel of it, as large as its width allows."""
    if not watermark:
        return
    place = target.transFigure if isinstance(target, Figure) else target.transAxes
    whole = target.get_figure(root=True)
    assert whole is not None
    width = target.bbox.width / whole.dpi
    size = min(30.0, 110 * width / len(watermark))
    font: dict[str, Any] = {"size": size, "color": INK, "alpha": 0.2, "rotation": 24, "ha": "center", "va": "center"}
    target.text(0.5, 0.5, watermark, transform=place, zorder=10, **font)


def short(value: float, digits: int = 2) -> str:
    """A number below 1 as journals print it: .87; 1.00 and more keep their leading digit."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def scientific(value: float) -> str:
    """A learning rate as short as it is read: 2e-4."""
    mantissa, exponent = f"{value:.6e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


@contextmanager
def panel_grid(
    count: int, paths: Sequence[str | Path], *, height: float, left: float, right: float, foot: float, head: float = 0.0
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of one column's width with panels of equal size, two a row; one alone takes the whole width.

    Args:
        count: panels.
        paths: files to write, as of `drawing`.
        height: inches of a panel.
        left: inches that each panel's tick labels take on its left.
        right: inches that they take on its right.
        foot: inches below the lowest ticks, for legend and footnote.
        head: inches above the first row, for a title.
    """
    columns = min(count, 2)
    rows = -(-count // columns)
    edge, above, below = 0.13, 0.36, 0.16  # inches: names of the axes, titles of a panel, its tick labels
    cell = (COLUMN - 2 * edge) / columns
    with drawing(COLUMN, head + rows * (above + height + below) + foot, paths) as figure:
        yield (
            figure,
            [
                axes_at(
                    figure,
                    edge + place % columns * cell + left,
                    head + place // columns * (above + height + below) + above,
                    cell - left - right,
                    height,
                )
                for place in range(count)
            ],
        )


def name_axes(figure: Figure, panels: Sequence[Axes], *, x: str = "", left: str = "", right: str = "") -> None:
    """The names that all panels' axes share, written once along the edges of the figure."""
    boxes = [panel.get_position() for panel in panels]
    low, high = min(box.y0 for box in boxes), max(box.y1 for box in boxes)
    width, height = figure.get_size_inches()
    middle = (low + high) / 2
    figure.text(0.05 / width, middle, left, rotation=90, ha="left", va="center")
    figure.text(1 - 0.05 / width, middle, right, rotation=90, ha="right", va="center", color=FAINT)
    figure.text(0.5, low - 0.16 / height, x, ha="center", va="top")


def legend(figure: Figure, handles: Sequence[Artist], above: float, columns: int = 6) -> None:
    """A legend across the foot of a figure, `above` inches over its lower edge."""
    place = (0.0, above / figure.get_size_inches()[1])
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=place, ncols=min(columns, len(handles)))


def thin_ticks(*scales: Axis) -> None:
    """At most four steps on a scale, their numbers without trailing zeros, so that small panels stay legible."""
    for scale in scales:
        scale.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))


def write_title(figure: Figure, title: str) -> None:
    """The name of a whole figure, in its upper left corner."""
    width, height = figure.get_size_inches()
    figure.text(0.07 / width, 1 - 0.06 / height, title, size=8, weight="bold", va="top")
