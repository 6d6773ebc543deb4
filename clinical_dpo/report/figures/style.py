"""Style of every figure: colours, fonts, sizes, the watermark. The same rows give byte-identical files."""

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

# Paul Tol's vibrant scheme: distinct with every colour vision, and by lightness in grey.
COLOURS = {
    **{"base": "#9A9A9A", "sft": "#0077BB", "dpo": "#CC3311"},
    **{"few_shot": "#009988", "sft_longer": "#33BBEE", "dpo_sft": "#EE3377"},
}
ELSEWHERE = "#EE7733"  # colour of external answers, from the same scheme
INK, FAINT, LIGHT = "#222222", "#777777", "#DDDDDD"
SEQUENCE = "cividis"  # colour map of numbers: a lighter colour is a larger number, with every colour vision
COLUMN = 3.4  # inches: width of a journal column
SMALL = 5.5  # points: smallest font size
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
    "text.parse_math": False,  # a dollar sign in a title is text
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # editors can change the text
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "clinical-dpo",
}
_UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


@contextmanager
def drawing(width: float, height: float, paths: Sequence[str | Path]) -> Iterator[Figure]:
    """Yield a figure to draw on, and save it when the block ends without an error.

    The same drawing gives the same bytes.

    Args:
        width: inches.
        height: inches.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    with style.context(STYLE, after_reset=True):  # a user's matplotlibrc has no effect
        figure = Figure(figsize=(width, height))
        yield figure
        for text in figure.findobj(Text):
            text.set_text(printable(text.get_text()))
        for path in paths:
            kind = Path(path).suffix.removeprefix(".")
            with replacing(path) as part:
                figure.savefig(part, format=kind, metadata=_UNDATED.get(kind))


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes to a figure, with the position in inches from its upper left corner."""
    figure_width, figure_height = figure.get_size_inches()
    bottom = figure_height - top - height
    return figure.add_axes((left / figure_width, bottom / figure_height, width / figure_width, height / figure_height))


def title_panel(axes: Axes, title: str, subtitle: str) -> None:
    """Write two lines above a panel: the title in bold, smaller where it is long, and a subtitle."""
    available = 72 * COLUMN / 2  # points, in a figure with two panels in a row
    title_size = min(6.5, 1.3 * available / len(title))
    lines: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (9, title, {"weight": "bold", "size": title_size}),
        (2.5, subtitle, {"size": 6, "color": FAINT}),
    )
    for offset, text, font in lines:
        axes.annotate(text, (0, 1), (0, offset), "axes fraction", "offset points", va="bottom", **font)


def write_footnote(figure: Figure, text: str) -> None:
    """Write a footnote along the lower edge of a figure."""
    left = 0.07 / figure.get_size_inches()[0]
    bottom = 0.045 / figure.get_size_inches()[1]
    figure.text(left, bottom, text, size=SMALL, color=FAINT, va="bottom", linespacing=1.3)


def stamp(target: Figure | Axes, watermark: str | None) -> None:
    """Lay a watermark across a figure or a panel, as large as its width allows; None lays none."""
    if not watermark:
        return
    transform = target.transFigure if isinstance(target, Figure) else target.transAxes
    figure = target.get_figure(root=True)
    assert figure is not None
    width = target.bbox.width / figure.dpi
    size = min(30.0, 110 * width / len(watermark))
    font: dict[str, Any] = {"size": size, "color": INK, "alpha": 0.2, "rotation": 24, "ha": "center", "va": "center"}
    target.text(0.5, 0.5, watermark, transform=transform, zorder=10, **font)


def short(value: float) -> str:
    """A number as journals print it: .87 without the leading zero, 1.00."""
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def scientific(value: float) -> str:
    """A learning rate in short scientific notation: 2e-4."""
    mantissa, exponent = f"{value:.6e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


@contextmanager
def panel_grid(
    count: int, paths: Sequence[str | Path], *, height: float, left: float, right: float, foot: float, head: float = 0.0
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a figure of one column's width with panels of equal size, two in a row; a single panel takes all the width.

    Args:
        count: panels.
        paths: files to write, as in `drawing`.
        height: inches of a panel.
        left: inches for the tick labels on the left of each panel.
        right: inches for the tick labels on the right of each panel.
        foot: inches below the lowest ticks, for legend and footnote.
        head: inches above the first row, for a title.
    """
    columns = min(count, 2)
    rows = -(-count // columns)
    edge, above, below = 0.13, 0.36, 0.16  # inches: names of the axes, titles of a panel, tick labels
    cell = (COLUMN - 2 * edge) / columns
    with drawing(COLUMN, head + rows * (above + height + below) + foot, paths) as figure:
        yield (
            figure,
            [
                axes_at(
                    figure,
                    edge + index % columns * cell + left,
                    head + index // columns * (above + height + below) + above,
                    cell - left - right,
                    height,
                )
                for index in range(count)
            ],
        )


def name_axes(figure: Figure, panels: Sequence[Axes], *, x: str = "", left: str = "", right: str = "") -> None:
    """Write the names of the axes that all panels share along the edges of the figure."""
    boxes = [panel.get_position() for panel in panels]
    low, high = min(box.y0 for box in boxes), max(box.y1 for box in boxes)
    width, height = figure.get_size_inches()
    middle = (low + high) / 2
    figure.text(0.05 / width, middle, left, rotation=90, ha="left", va="center")
    figure.text(1 - 0.05 / width, middle, right, rotation=90, ha="right", va="center", color=FAINT)
    figure.text(0.5, low - 0.16 / height, x, ha="center", va="top")


def legend(figure: Figure, handles: Sequence[Artist], above: float, columns: int = 6) -> None:
    """Add a legend `above` inches over the lower edge of a figure."""
    anchor = (0.0, above / figure.get_size_inches()[1])
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=anchor, ncols=min(columns, len(handles)))


def thin_ticks(*scales: Axis) -> None:
    """Limit scales to four steps, labelled without trailing zeros, so that small panels stay legible."""
    for scale in scales:
        scale.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))


def write_title(figure: Figure, title: str) -> None:
    """Write a figure's title in its upper left corner."""
    width, height = figure.get_size_inches()
    figure.text(0.07 / width, 1 - 0.06 / height, title, size=8, weight="bold", va="top")
