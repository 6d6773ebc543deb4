"""Figure 2 of Savage et al. 2025: the variants of each model on one task, with intervals and P values.

External answers, which are made outside of the run, have separate bars beside the models.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.io import Row
from clinical_dpo.report.figures.figure2_brackets import HEADROOM, draw_brackets, headroom_of, p_text
from clinical_dpo.report.figures.figure2_footnote import footnote
from clinical_dpo.report.figures.figure2_rows import comparison_rows, external_names
from clinical_dpo.report.figures.style import (
    COLOURS,
    COLUMN,
    ELSEWHERE,
    FAINT,
    INK,
    TITLE_SIZE,
    drawing,
    footnote_lines,
    short,
    stamp,
    write_footnote,
)
from clinical_dpo.report.figures.text import fitted, width_of
from clinical_dpo.report.figures.trivial_lines import draw_trivial, trivial_note
from clinical_dpo.variants import ARM_RIVALS, ARMS, EXTERNAL, TITLES, arms_of, sorted_variants

BAR = 0.8  # width of a bar; the distance between two bars is 1
GAP = 0.9  # further distance between the bars of two models, in the same unit
HEIGHT = 3.1  # inches: height of a figure without further lines of text and without further space for brackets
GROUP_WIDTH = 1.5  # inches that each model beyond the second adds
LINE = 9  # points from one line under the axis to the next
FOOT = 7.5  # points of each line of the footnote after the second
UNIT = 0.38  # inches from one bar to the next
WIDEST = 4.0  # the largest width for external answers with a long name, in the same unit as GAP
BESIDE = 1.2  # inches: the largest width for the names of external answers beside the lines of P
MOST_LINES = 4  # largest number of lines of the title, and of a name under the bars


def plot_comparison(
    metrics_rows: Sequence[Mapping[str, Any]],
    stats_rows: Sequence[Mapping[str, Any]],
    *,
    metric: str,
    title: str,
    panel: str,
    model_names: Mapping[str, str],
    watermark: str | None,
    paths: Sequence[str | Path],
    seed_rows: Sequence[Mapping[str, Any]] = (),
    trivial_rows: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Draw one panel of figure 2 and save it. The same rows give byte-identical files.

    Each variant of a model has a bar with its 95% interval. The estimate and the share of invalid answers are under the
    bar. Brackets above the bars show P. A significant P is bold and has an asterisk. If grades are pending, the bar is
    a hatched outline. With several training seeds, a bar shows the first seed, and dots on the bar show the estimate
    with each seed. External answers (made outside of the run) are bars on the right. The text under each bar of a
    variant shows P against the external answers. Under the bars of arms (further variants) it also shows P against SFT
    and P against DPO. The footnote names synthetic data and proxy grades.

    Args:
        metrics_rows: rows of the task's metrics table.
        stats_rows: rows of the task's statistics table.
        metric: the task's headline metric, a key of METRICS.
        title: the panel's title.
        panel: the panel's letter.
        model_names: maps the name of a model or of external answers to the name shown.
        watermark: text laid over the figure, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
        seed_rows: rows of the task's table over several training seeds; empty with a single seed.
        trivial_rows: rows of the task's table of trivial answers (one label for every item), which are drawn as lines;
            empty for a task without labels.
    """
    bars = comparison_rows(metrics_rows, stats_rows, metric, seed_rows)
    elsewhere = external_names(bars)
    models = list(dict.fromkeys(bar["model"] for bar in bars if bar["variant"] != EXTERNAL))
    variants = sorted_variants(bar["variant"] for bar in bars)
    arms = arms_of(variants)
    arm_lines = _arm_lines(bars)
    first_elsewhere = 3 + len(arm_lines)  # number of the first line under the bars with P against external answers
    low, high = METRICS[metric].low, METRICS[metric].high
    plain = COLUMN + GROUP_WIDTH * max(0, len(models) - 2)
    slots = [min(WIDEST, max(1.0, 0.17 * len(model_names[name]))) for name in elsewhere]  # bar widths
    rivals = {name: fitted(f"P vs {model_names[name]}", BESIDE + 0.3, 6) for name in elsewhere}
    # Inches for the names beside the lines of P.
    labels = max(
        [max(0.0, width_of(rival, 6) - 0.3) for rival in rivals.values()] + [0.2 for _ in arm_lines], default=0.0
    )
    width = plain + labels + UNIT * (sum(slots) + GAP * len(slots) + len(arms) * len(models))
    headroom = headroom_of(bars)
    above = 0.65 * HEIGHT * (headroom - HEADROOM) / (1 + HEADROOM)  # further inches for the brackets
    right = len(models) * (len(variants) + GAP) - 0.5
    unit = (0.83 * plain + width - plain - labels) / (right + sum(slots) + GAP * (len(slots) - 1) + 1)  # inches
    names = {model: _name(model_names[model], unit * (len(variants) + GAP - 0.3)) for model in models}
    names |= {name: _name(model_names[name], unit * (slot + 0.6)) for name, slot in zip(elsewhere, slots, strict=True)}
    name_lines = max(name.count("\n") for name in names.values())  # lines of the longest name after its first
    title = fitted(title, 0.925 * width - 0.07, TITLE_SIZE, "bold", MOST_LINES)
    title_height = title.count("\n") * TITLE_SIZE * 1.2 / 72  # inches of the lines after the first
    text = "\n".join(filter(None, (trivial_note(trivial_rows, metric), footnote(bars, model_names))))
    text = footnote_lines(text, width)
    below = LINE * (len(elsewhere) + len(arm_lines) + name_lines) + FOOT * (text.count("\n") - 1)  # points
    height = HEIGHT + above + title_height + below / 72
    with drawing(width, height, paths) as figure:
        axes = figure.add_axes(
            (
                (0.155 * plain + labels) / width,
                (0.225 * HEIGHT + below / 72) / height,
                (0.83 * plain + width - plain - labels) / width,
                (0.65 * HEIGHT + above) / height,
            )
        )
        for number, model in enumerate(models):
            left = number * (len(variants) + GAP)
            group = [bar for bar in bars if bar["model"] == model]
            positions = {variant: left + offset for offset, variant in enumerate(variants)}
            for bar in group:
                _draw_bar(axes, bar, positions[bar["variant"]], low, high)
            draw_brackets(axes, group, positions, low, high, headroom)
            middle = left + (len(variants) - 1) / 2
            _write_name(axes, middle, first_elsewhere + len(elsewhere), names[model])
            for bar in group:
                x = positions[bar["variant"]]
                for line, name in enumerate(elsewhere, start=first_elsewhere):
                    levels = bar[f"threshold_vs_{name}"]
                    _write_p_below(axes, x, line, bar[f"p_vs_{name}"], bar[f"significant_vs_{name}"], levels)
                if bar["variant"] in arms:
                    for line, (p, significant) in enumerate(arm_lines.values(), start=3):
                        _write_p_below(axes, x, line, bar[p], bar[significant], bar["threshold"])
        for line, name in enumerate(arm_lines, start=3):
            _write_below(axes, -0.8, line, name, ha="right", color=FAINT, size=6)
        for line, (name, slot) in enumerate(zip(elsewhere, slots, strict=True), start=first_elsewhere):
            [bar] = (bar for bar in bars if (bar["model"], bar["variant"]) == (name, EXTERNAL))
            _draw_bar(axes, bar, right + slot / 2, low, high)
            _write_name(axes, right + slot / 2, first_elsewhere + len(elsewhere), names[name])
            _write_below(axes, -0.8, line, rivals[name], ha="right", color=FAINT, size=6)
            right += slot + GAP
        axes.set_xlim(-0.75, right - GAP + 0.25)
        _draw_scale(axes, bars[0], metric, low, high, headroom, (0.65 * HEIGHT + above) / (1 + headroom))
        draw_trivial(axes, trivial_rows, metric)
        first, last = 0.045 * HEIGHT, 0.045 * HEIGHT + title_height  # inches from the upper edge to lines of the title
        figure.text(0.02, 1 - first / height, panel, size=9, weight="bold")
        figure.text(0.075, 1 - last / height, title, size=TITLE_SIZE, weight="bold", linespacing=1.2)
        swatches = [Patch(color=COLOURS[variant], label=TITLES[variant]) for variant in variants]
        figure.legend(
            handles=swatches,
            loc="center left",
            bbox_to_anchor=(0.04 if arms else 0.06, 1 - (last + 0.04 * HEIGHT) / height),
            ncols=len(swatches),
        )
        write_footnote(figure, text)
        stamp(figure, watermark)


def _draw_bar(axes: Axes, bar: Row, x: float, low: float, high: float) -> None:
    """Draw a bar with its interval. Under the bar, write its estimate and its share of invalid answers.

    Args:
        axes: the panel.
        bar: row of `figure2_rows.comparison_rows`.
        x: the bar's position.
        low, high: ends of the scale.
    """
    estimate, colour = bar["estimate"], COLOURS.get(bar["variant"], ELSEWHERE)
    if bar["status"] == "pending":
        height = (high - low) / 2
        axes.bar(x, height, BAR, bottom=low, fill=False, edgecolor=colour, hatch="////", linewidth=0.8)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
        axes.text(x, low + height / 2, "pending", rotation=90, ha="center", va="center", bbox=box)
    elif estimate is not None:
        axes.bar(x, estimate - low, BAR, bottom=low, color=colour)
        if bar["ci_low"] is not None:
            # A bootstrap interval may not contain the estimate, so the whisker is drawn around the interval's middle.
            middle, half_width = (bar["ci_low"] + bar["ci_high"]) / 2, (bar["ci_high"] - bar["ci_low"]) / 2
            axes.errorbar(x, middle, yerr=half_width, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2, capthick=0.8)
    if bar.get("per_seed"):
        estimates = [float(value) for value in bar["per_seed"].split()]
        xs = [x + BAR * ((number + 0.5) / len(estimates) - 0.5) for number in range(len(estimates))]
        axes.plot(xs, estimates, "o", markersize=2.4, mfc="white", mec=INK, markeredgewidth=0.5, zorder=4)
    number = "–" if estimate is None else short(estimate)
    invalid = "–" if bar["invalid_rate"] is None else f"{bar['invalid_rate']:.0%}"
    _write_below(axes, x, 1, number)
    _write_below(axes, x, 2, invalid, color=FAINT, size=6)


def _name(name: str, width: float) -> str:
    """Divide a name that stands under bars into lines of at most `width` inches."""
    return fitted(name, width, 7, "bold", MOST_LINES)


def _write_name(axes: Axes, x: float, line: int, name: str) -> None:
    """Write a name under the axis at bar position `x`. The name starts at line number `line` under the axis."""
    for number, text in enumerate(name.split("\n"), start=line):
        _write_below(axes, x, number, text, weight="bold")


def _draw_scale(axes: Axes, bar: Row, metric: str, low: float, high: float, headroom: float, room: float) -> None:
    """Set up the y axis from `low` to `high`, with space above it for three brackets.

    Under the bars, each bar has two lines of text: its estimate and its share of invalid answers. The function writes
    the titles of these lines to the left of the bars.

    Args:
        axes: the panel.
        bar: row of a bar of the panel. Any bar will do, because only its positive class is used: if the metric is `f1`,
            the title of the y axis names this class.
        metric: the headline metric, a key of METRICS.
        low, high: ends of the scale.
        headroom: space above the scale, as a share of the scale, from `headroom_of`.
        room: space for the title of the y axis, in inches.
    """
    names = {"f1": "F1", "accuracy": "accuracy", "helpfulness": "helpful", "likert": "mean", "rouge_l": "ROUGE-L"}
    names |= {"rubric": "score"}
    names |= {"macro_f1": "F1", "weighted_f1": "F1", "quadratic_kappa": "kappa", "auroc": "AUROC"}
    names |= {"balanced_accuracy": "accuracy"}
    units = {
        "f1": f"F1 score ({bar['positive_class']})",
        "accuracy": "Accuracy",
        "helpfulness": "Share of helpful answers",
        "likert": "Mean grade (1 to 5)",
        "rubric": "Mean rubric score",
        "rouge_l": "Mean ROUGE-L (F1)",
    }
    units |= {name: METRICS[name].title for name in METRICS if name not in units}
    axes.set_ylim(low, high + headroom * (high - low))
    axes.set_yticks([low + (high - low) * tick / 4 for tick in range(5)])
    axes.spines["left"].set_bounds(low, high)
    axes.tick_params(labelsize=7)
    axes.set_ylabel(fitted(units[metric], room, 7), y=0.5 / (1 + headroom), labelpad=3)
    axes.axhline(low, color=INK, linewidth=0.6)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    for line, name in ((1, names[metric]), (2, "invalid")):
        _write_below(axes, -0.8, line, name, ha="right", color=FAINT, size=6)


def _write_below(axes: Axes, x: float, line: int, text: str, *, ha: str = "center", **font: Any) -> None:
    """Write text under the axis at bar position `x`. `ha` is the horizontal alignment. Line 1 is the highest line."""
    transform = axes.get_xaxis_transform()
    axes.annotate(text, (x, 0), (0, 1 - LINE * line), transform, "offset points", ha=ha, va="center", **font)


def _arm_lines(bars: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """Return the lines with P values that figure 2 has under the bars of arms (further variants).

    A line is left out if no arm has a P for it.

    Args:
        bars: rows of `figure2_rows.comparison_rows`.

    Returns:
        Title of the line -> the names of two columns of `bars`: the column with the P, and the column that says whether
        this P is significant.
    """
    lines = {}
    for rival in ARM_RIVALS:
        lines[f"P vs {TITLES[rival]}"] = (f"p_vs_{rival}", f"significant_vs_{rival}")
        lines[f"F1 P vs {TITLES[rival]}"] = (f"p_f1_vs_{rival}", f"f1_significant_vs_{rival}")
    arms = [bar for bar in bars if bar["variant"] in ARMS]
    return {name: line for name, line in lines.items() if any(bar[line[0]] is not None for bar in arms)}


def _write_p_below(
    axes: Axes, x: float, line: int, p: float | None, significant: str | None, threshold: float | None
) -> None:
    """Write P under a bar, or nothing if P is None. A significant P is bold and has an asterisk.

    Args:
        axes: the panel.
        x: the bar's position.
        line: number of the line under the axis; line 1 is the highest.
        p: the P value, or None.
        significant: "true" for a significant P.
        threshold: level with which P is compared, or None. P is written with enough digits to show whether it is below
            this level.
    """
    if p is not None:
        text, weight = p_text(p, significant, threshold, "")
        _write_below(axes, x, line, text.removeprefix("="), size=6, weight=weight)
