"""The brackets of figure 2. A bracket is above the two bars that it compares, and shows the P of this comparison."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from clinical_dpo.io import Row
from clinical_dpo.report.figures.style import INK
from clinical_dpo.report.p_values import format_p
from clinical_dpo.variants import PAIRS

# Heights as shares of the scale: space for three brackets above the scale, distance from one bracket to the next, and a
# line of text.
HEADROOM, STEP = 0.43, 0.115
TWO_HEADROOM, TWO_STEP = 0.66, 0.185  # the same two heights if a bracket has two P
TEXT_LINE = 0.07


def headroom_of(bars: Sequence[Row]) -> float:
    """Space above the scale for three brackets, as a share of the scale. Brackets that show two P need more space.

    Args:
        bars: rows of `figure2_rows.comparison_rows`.
    """
    two = any(bar[f"p_f1_vs_{other}"] is not None for bar in bars for other in ("base", "sft"))
    return TWO_HEADROOM if two else HEADROOM


def draw_brackets(
    axes: Axes, group: Sequence[Row], positions: Mapping[str, float], low: float, high: float, headroom: float
) -> None:
    """Draw the brackets of one model above the scale, at different heights, so that their texts do not overlap.

    If a bracket has two P, the upper line of its text is the P for the number of right answers (`p_vs_...`), and the
    lower line is the P for F1 (`p_f1_vs_...`).

    Args:
        axes: the panel.
        group: rows of `figure2_rows.comparison_rows` of one model.
        positions: variant -> position of its bar.
        low, high: ends of the scale.
        headroom: space above the scale, as a share of the scale, from `headroom_of`.
    """
    unit, line_height = STEP * (high - low), TEXT_LINE * (high - low)
    step = TWO_STEP * (high - low) if headroom == TWO_HEADROOM else unit
    for row in group:
        for level, (variant, other) in enumerate(PAIRS):
            if row["variant"] != variant or row[f"p_vs_{other}"] is None:
                continue
            y = high + step * (level + 0.55)
            left, right = positions[other], positions[variant]
            tick = y - 0.2 * unit
            axes.plot([left, left, right, right], [tick, y, y, tick], color=INK, linewidth=0.6)
            bracket = [
                p_text(bar_p, row[f"{mark}_vs_{other}"], row["threshold"], name)
                for name, bar_p, mark in (
                    ("P", row[f"p_vs_{other}"], "significant"),
                    ("F1 P", row[f"p_f1_vs_{other}"], "f1_significant"),
                )
                if bar_p is not None
            ]
            middle, above = (left + right) / 2, y + 0.08 * unit
            for line, (text, weight) in enumerate(reversed(bracket)):
                axes.text(middle, above + line * line_height, text, size=6, ha="center", va="bottom", weight=weight)


def p_text(p: float, significant: str | None, threshold: float | None, name: str) -> tuple[str, str]:
    """Return the text of a P, such as "P=.03*", and its font weight. A significant P is bold and has an asterisk.

    Args:
        p: the P value.
        significant: "true" for a significant P.
        threshold: level with which P is compared; None if there is no level. The text of P has enough digits to show
            whether P is below this level.
        name: name of the P in the text, "P" or "F1 P"; it may be empty.
    """
    shown = format_p(p, *([threshold] if threshold else []))
    mark = "*" if significant == "true" else ""
    return f"{name}{'' if shown[0] in '<>' else '='}{shown}{mark}", "bold" if mark else "normal"
