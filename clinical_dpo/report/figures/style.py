"""Style of every figure: colours, fonts, sizes, the watermark. The same rows give byte-identical files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from clinical_dpo.escaping import printable
from clinical_dpo.io import replacing
from clinical_dpo.report.figures.text import FONT, fitted

# Paul Tol's vibrant scheme: distinct with every colour vision, and by lightness in grey.
COLOURS = {
    **{"base": "#9A9A9A", "sft": "#0077BB", "dpo": "#CC3311"},
    **{"few_shot": "#009988", "sft_longer": "#33BBEE", "dpo_sft": "#EE3377"},
}
ELSEWHERE = "#EE7733"  # colour of external answers, from the same scheme
INK, FAINT, LIGHT = "#222222", "#777777", "#DDDDDD"
SEQUENCE = "cividis"  # colour map of numbers: a lighter colour is a larger number, with every colour vision
COLUMN = 3.4  # inches: width of a journal column
SMALL, TITLE_SIZE = 5.5, 8  # points: smallest font size, font size of a title
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [FONT, "Arial", "Helvetica"],
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
    "svg.fonttype": "none",  # text is not converted to outlines
    "svg.hashsalt": "clinical-dpo",
}
_UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


@contextmanager
def drawing(width: float, height: float, paths: Sequence[str | Path]) -> Iterator[Figure]:
    """Yield a figure to draw on, and save it when the `with` block ends without an error.

    The same drawing gives byte-identical files.

    Args:
        width: width of the figure in inches.
        height: height of the figure in inches.
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
    """Add axes to a figure. Lengths are in inches. `left` and `top` are measured from the figure's edges."""
    figure_width, figure_height = figure.get_size_inches()
    bottom = figure_height - top - height
    return figure.add_axes((left / figure_width, bottom / figure_height, width / figure_width, height / figure_height))


def title_lines(title: str, width: float = COLUMN) -> str:
    """A title, divided into up to three lines that fit a figure of `width` inches."""
    return fitted(title, width - 0.14, TITLE_SIZE, "bold", lines=3)


def title_height(title: str, width: float = COLUMN) -> float:
    """Height in inches that a title's second and third line need in a figure of `width` inches; 0 for one line."""
    return title_lines(title, width).count("\n") * TITLE_SIZE * 1.2 / 72


def write_title(figure: Figure, title: str) -> None:
    """Write a figure's title in its upper left corner."""
    width, height = figure.get_size_inches()
    lines = title_lines(title, width)
    figure.text(0.07 / width, 1 - 0.06 / height, lines, size=TITLE_SIZE, weight="bold", va="top")


def footnote_lines(text: str, width: float = COLUMN) -> str:
    """The text of a footnote for a figure of `width` inches. Lines that are too long are folded."""
    return "\n".join(fitted(line, width - 0.12, SMALL, lines=5) for line in text.splitlines())


def write_footnote(figure: Figure, text: str) -> None:
    """Write a footnote along the lower edge of a figure."""
    width, height = figure.get_size_inches()
    font: dict[str, Any] = {"size": SMALL, "color": FAINT, "va": "bottom", "linespacing": 1.3}
    figure.text(0.07 / width, 0.045 / height, footnote_lines(text, width), **font)


def stamp(target: Figure | Axes, watermark: str | None) -> None:
    """Write a watermark across a figure or a panel. If `watermark` is None or empty, do nothing.

    The text is as large as the width of the figure or panel allows, but at most 30 points.
    """
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
    """A number with two decimals and without a leading zero, as journals print it: ".87", "1.00"."""
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def scientific(value: float) -> str:
    """A learning rate in short scientific notation: "2e-4"."""
    mantissa, exponent = f"{value:.6e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def thin_ticks(*axes: Axis) -> None:
    """Limit each axis to four tick intervals, with no trailing zeros in labels, so that small panels stay legible."""
    for axis in axes:
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
