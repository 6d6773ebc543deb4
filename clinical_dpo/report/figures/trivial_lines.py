"""Horizontal lines of figure 2 that show the scores of trivial answers (the same label for every item)."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from clinical_dpo.config.metrics import HEADLINES
from clinical_dpo.report.figures.style import FAINT
from clinical_dpo.report.trivial_words import trivial_name

DASHES = ((0, (4, 2)), (0, (1, 1.5)))  # line styles of the two trivial answers
NAMES = ("dashed", "dotted")


def _scores(rows: Sequence[Mapping[str, Any]], metric: str) -> list[tuple[str, float]]:
    """Return the name and the headline metric of each trivial answer (the same label for every item).

    If two trivial answers give the same label, only the first is kept.
    """
    of_name = {
        (row["label"]): (trivial_name(row), float(row[HEADLINES[metric]]))
        for row in reversed(rows)
        if not row["model"] and row[HEADLINES[metric]] not in (None, "")
    }
    return list(reversed(of_name.values()))


def draw_trivial(axes: Axes, rows: Sequence[Mapping[str, Any]], metric: str) -> None:
    """Draw a horizontal line across a panel for each trivial answer (the same label for every item), at its score.

    If two trivial answers give the same label, there is one line for both. A trivial answer without a score has no
    line.

    Args:
        axes: the panel.
        rows: rows of the task's trivial.csv.
        metric: the task's headline metric, a key of METRICS.
    """
    for (_, score), dashes in zip(_scores(rows, metric), DASHES, strict=False):
        axes.axhline(score, color=FAINT, linewidth=0.7, linestyle=dashes, zorder=3)


def trivial_note(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Text that explains the lines of `draw_trivial`: "dashed: majority label (No UTI) 0.00".

    Without such lines, the text is "".
    """
    scores = zip(_scores(rows, metric), NAMES, strict=False)
    return "; ".join(f"{line}: {name} {score:.2f}" for (name, score), line in scores)
