"""Figure 2 of the paper: the three variants of each model on one task, with intervals and P values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from clinical_dpo.errors import UserError
from clinical_dpo.figure_style import COLOURS, COLUMN, FAINT, INK, NAMES, drawing, short, stamp, write_footnote
from clinical_dpo.metrics import HEADLINES, METRICS
from clinical_dpo.records import Row
from clinical_dpo.significance import COMPARISONS, format_p

COLUMNS = (
    *("task", "model", "variant", "metric", "estimate", "ci_low", "ci_high", "n", "invalid_rate", "positive_class"),
    *("p_vs_base", "significant_vs_base", "p_vs_sft", "significant_vs_sft", "threshold"),
    *("grader", "proxy", "data", "status"),
)
BAR = 0.8  # width; bars stand one apart
GAP = 0.9  # between the models' groups
HEADROOM = 0.43  # for three brackets, as a share of the scale
HEIGHT = 3.1  # inches
GROUP_WIDTH = 1.5  # inches that each model beyond the second adds


def comparison_rows(
    metrics_rows: Sequence[Mapping[str, Any]], stats_rows: Sequence[Mapping[str, Any]], metric: str
) -> list[Row]:
    """Rows of COLUMNS, one a bar: what `plot_comparison` draws, and nothing else.

    Args:
        metrics_rows: rows of a task's metrics table, as made or as read from CSV.
        stats_rows: rows of its statistics table. A P stands with the variant compared: SFT against base with sft,
            DPO against SFT and against base with dpo.
        metric: the task's headline metric, a key of METRICS.

    Raises:
        UserError: no row with that metric.
    """
    bars = [
        dict.fromkeys(COLUMNS)
        | {column: row[column] for column in COLUMNS if column in row}
        | {name: _number(row[name]) for name in ("estimate", "ci_low", "ci_high", "n", "invalid_rate")}
        for row in metrics_rows
        if row["metric"] == HEADLINES[metric]
    ]
    if not bars:
        raise UserError(f"metrics table: no row with metric '{HEADLINES[metric]}', the headline metric of this task.")
    by_bar = {(bar["model"], bar["variant"]): bar for bar in bars}
    for row in stats_rows:
        variant, other = COMPARISONS[row["comparison"]]
        bar = by_bar[row["model"], variant]
        bar[f"p_vs_{other}"] = _number(row["p_value"])
        bar[f"significant_vs_{other}"] = row["significant"] or None
        bar["threshold"] = _number(row["threshold"])
    return bars


def _number(value: Any) -> float | None:
    return None if value in (None, "") else float(value)


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
) -> None:
    """Draw one panel and save it, byte for byte the same for the same rows.

    Bars with 95% intervals, brackets with P (bold with an asterisk where significant), estimate and share of invalid
    answers under each bar. Awaited grades leave a hatched outline; synthetic data and proxy grades are named below.

    Args:
        metrics_rows: rows of the task's metrics table.
        stats_rows: rows of its statistics table.
        metric: the task's headline metric, a key of METRICS.
        title: the panel's title.
        panel: its letter.
        model_names: model -> name shown.
        watermark: text laid over the figure, or None.
        paths: files to write; the suffix (.svg, .pdf, .png) is the format.
    """
    bars = comparison_rows(metrics_rows, stats_rows, metric)
    models = list(dict.fromkeys(bar["model"] for bar in bars))
    low, high = METRICS[metric].low, METRICS[metric].high
    width = COLUMN + GROUP_WIDTH * max(0, len(models) - 2)
    with drawing(width, HEIGHT, paths) as figure:
        axes = figure.add_axes((0.155, 0.225, 0.83, 0.65))
        for number, model in enumerate(models):
            left = number * (len(NAMES) + GAP)
            group = [bar for bar in bars if bar["model"] == model]
            place = {variant: left + offset for offset, variant in enumerate(NAMES)}
            for bar in group:
                _draw_bar(axes, bar, place[bar["variant"]], low, high)
            _draw_brackets(axes, group, place, low, high)
            _write_below(axes, place["sft"], 3, model_names[model], weight="bold")
        axes.set_xlim(-0.75, len(models) * (len(NAMES) + GAP) - GAP - 0.25)
        _draw_scale(axes, bars[0], metric, low, high)
        figure.text(0.02, 0.955, panel, size=9, weight="bold")
        figure.text(0.075, 0.955, title, size=8, weight="bold")
        swatches = [Patch(color=COLOURS[variant], label=name) for variant, name in NAMES.items()]
        figure.legend(handles=swatches, loc="center left", bbox_to_anchor=(0.06, 0.915), ncols=len(swatches))
        write_footnote(figure, _footnote(bars))
        stamp(figure, watermark)


def _draw_bar(axes: Axes, bar: Row, x: float, low: float, high: float) -> None:
    """A bar, its interval and the two numbers under it."""
    estimate, colour = bar["estimate"], COLOURS[bar["variant"]]
    if bar["status"] == "pending":
        height = (high - low) / 2
        axes.bar(x, height, BAR, bottom=low, fill=False, edgecolor=colour, hatch="////", linewidth=0.8)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
        axes.text(x, low + height / 2, "pending", rotation=90, ha="center", va="center", bbox=box)
    elif estimate is not None:
        axes.bar(x, estimate - low, BAR, bottom=low, color=colour)
        if bar["ci_low"] is not None:
            # A bootstrap interval need not hold the estimate: the whisker hangs on its own middle.
            middle, reach = (bar["ci_low"] + bar["ci_high"]) / 2, (bar["ci_high"] - bar["ci_low"]) / 2
            axes.errorbar(x, middle, yerr=reach, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2, capthick=0.8)
    number = "–" if estimate is None else short(estimate)
    invalid = "–" if bar["invalid_rate"] is None else f"{bar['invalid_rate']:.0%}"
    _write_below(axes, x, 1, number)
    _write_below(axes, x, 2, invalid, color=FAINT, size=6)


def _draw_brackets(axes: Axes, group: Sequence[Row], place: Mapping[str, float], low: float, high: float) -> None:
    """Brackets above the scale, a step higher each, so that their texts never meet."""
    step = 0.115 * (high - low)
    for row in group:
        for level, (variant, other) in enumerate(COMPARISONS.values()):
            if row["variant"] != variant or row[f"p_vs_{other}"] is None:
                continue
            y = high + step * (level + 0.55)
            left, right = place[other], place[variant]
            tick = y - 0.2 * step
            axes.plot([left, left, right, right], [tick, y, y, tick], color=INK, linewidth=0.6)
            p, significant = format_p(row[f"p_vs_{other}"]), row[f"significant_vs_{other}"] == "true"
            axes.text(
                (left + right) / 2,
                y + 0.08 * step,
                f"P{'' if p[0] in '<>' else '='}{p}{'*' if significant else ''}",
                size=6,
                ha="center",
                va="bottom",
                weight="bold" if significant else "normal",
            )


def _draw_scale(axes: Axes, bar: Row, metric: str, low: float, high: float) -> None:
    """The y axis from `low` to `high`, headroom for three brackets above it, and names of the rows below."""
    names = {"f1": "F1", "accuracy": "accuracy", "helpfulness": "helpful", "likert": "mean", "rouge_l": "ROUGE-L"}
    units = {
        "f1": f"F1 score ({bar['positive_class']})",
        "accuracy": "Accuracy",
        "helpfulness": "Share of helpful answers",
        "likert": "Mean grade (1 to 5)",
        "rouge_l": "Mean ROUGE-L (F1)",
    }
    axes.set_ylim(low, high + HEADROOM * (high - low))
    axes.set_yticks([low + (high - low) * tick / 4 for tick in range(5)])
    axes.spines["left"].set_bounds(low, high)
    axes.tick_params(labelsize=7)
    axes.set_ylabel(units[metric], y=0.5 / (1 + HEADROOM), labelpad=3)
    axes.axhline(low, color=INK, linewidth=0.6)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    for line, name in ((1, names[metric]), (2, "invalid")):
        _write_below(axes, -0.8, line, name, ha="right", color=FAINT, size=6)


def _write_below(axes: Axes, x: float, line: int, text: str, *, ha: str = "center", **font: Any) -> None:
    """Text under the axis: x in bars, lines counted downwards."""
    where = axes.get_xaxis_transform()
    axes.annotate(text, (x, 0), (0, 1 - 9 * line), where, "offset points", ha=ha, va="center", **font)


def _footnote(bars: Sequence[Row]) -> str:
    """What a reader must know beside the bars: n, intervals and threshold; below, what is not real or not there yet."""
    sizes = sorted({f"{bar['n']:.0f}" for bar in bars if bar["status"] == "complete"})
    thresholds = sorted({f"{bar['threshold']:.3g}".removeprefix("0") for bar in bars if bar["threshold"] is not None})
    reading = [
        *(f"n={n}" for n in sizes),
        "whiskers: 95% CI",
        *(f"*P<{threshold} (Bonferroni)" for threshold in thresholds),
    ]
    proxies = sorted({bar["grader"] for bar in bars if bar["proxy"] == "true"})
    awaited = sum(int(bar["n"]) for bar in bars if bar["status"] == "pending")
    caveats = ["synthetic data"] if any(bar["data"] == "synthetic" for bar in bars) else []
    caveats += [f"proxy grades ({grader})" for grader in proxies]
    caveats += [f"{awaited} grades awaited"] if awaited else []
    return "; ".join(reading) + "\n" + "; ".join(caveats)
