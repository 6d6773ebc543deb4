"""The rows that figure 2 draws: a bar per model and variant, with its P values."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.config.metrics import HEADLINES, METRICS
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row, optional_number
from clinical_dpo.paths import parse_comparison
from clinical_dpo.report.p_values import f1_significant, opposed, quantity_compared
from clinical_dpo.variants import ALL_STAGES, ARMS, EXTERNAL

COLUMNS = (
    *("task", "model", "variant", "metric", "estimate", "ci_low", "ci_high", "n", "invalid_rate", "positive_class"),
    *("p_vs_base", "significant_vs_base", "p_vs_sft", "significant_vs_sft", "threshold", "compared"),
    *("p_f1_vs_base", "f1_significant_vs_base", "p_f1_vs_sft", "f1_significant_vs_sft", "opposed"),
    *("grader", "proxy", "data", "status"),
)
SEED_COLUMNS = ("seeds", "per_seed")  # the training seeds, and the estimate of a bar's variant with each seed
F1_METRICS = ("f1", "macro_f1")  # metrics with a P of their own beside the P of right answers


def comparison_rows(
    metrics_rows: Sequence[Mapping[str, Any]],
    stats_rows: Sequence[Mapping[str, Any]],
    metric: str,
    seed_rows: Sequence[Mapping[str, Any]] = (),
) -> list[Row]:
    """Make the rows that `plot_comparison` draws, one per bar (a model's variant, or external answers).

    The rows have the columns COLUMNS. With several training seeds, they also have SEED_COLUMNS. With external answers
    (made outside of the run), they also have p_vs_{name}, significant_vs_{name} and threshold_vs_{name}. With arms
    (further variants), they also have p_vs_dpo, significant_vs_dpo, p_f1_vs_dpo and f1_significant_vs_dpo.

    If the headline metric is F1, `p_vs_...` compares right answers and `p_f1_vs_...` compares F1. A variant may have
    more right answers than the variant it is compared with, but a lower F1, or the reverse. In the bar's row, the
    column `opposed` names the compared variants for which this is so.

    Args:
        metrics_rows: rows of a task's metrics table, as computed or as read from CSV.
        stats_rows: rows of the task's statistics table, one per model and comparison. The P and the threshold of a
            comparison go to the bar of its first variant: those of SFT against base go to SFT's bar. The comparisons of
            arms have a threshold of their own.
        metric: the task's headline metric, a key of METRICS.
        seed_rows: rows of the task's table over training seeds; empty with a single seed.

    Raises:
        UserError: no row of `metrics_rows` has the headline metric.
    """
    bars = [
        dict.fromkeys(COLUMNS)
        | {column: row[column] for column in COLUMNS if column in row}
        | {name: optional_number(row[name]) for name in ("estimate", "ci_low", "ci_high", "n", "invalid_rate")}
        for row in metrics_rows
        if row["metric"] == HEADLINES[metric]
    ]
    if not bars:
        raise UserError(
            f"metrics.csv of the task: no row with metric '{HEADLINES[metric]}', which is the task's headline metric. "
            "Delete this metrics.csv and run again, so that it is computed again."
        )
    by_bar = {(bar["model"], bar["variant"]): bar for bar in bars}
    elsewhere = external_names(bars)
    for bar in bars:
        bar |= {f"{field}_vs_{name}": None for name in elsewhere for field in ("p", "significant", "threshold")}
        if any(each["variant"] in ARMS for each in bars):
            bar |= {f"{field}_vs_dpo": None for field in ("p", "significant", "p_f1", "f1_significant")}
    for row in stats_rows:
        variant, other = parse_comparison(row["comparison"])
        bar = by_bar[row["model"], variant]
        bar[f"p_vs_{other}"] = optional_number(row["p_value"])
        bar[f"significant_vs_{other}"] = row["significant"] or None
        bar[f"threshold_vs_{other}" if other in elsewhere else "threshold"] = optional_number(row["threshold"])
        bar["compared"] = quantity_compared(row)
        if opposed(row):
            bar["opposed"] = " ".join(filter(None, (bar["opposed"], other)))
        if metric in F1_METRICS and other not in elsewhere and row["p_f1_permutation"] not in (None, ""):
            bar[f"p_f1_vs_{other}"] = optional_number(row["p_f1_permutation"])
            bar[f"f1_significant_vs_{other}"] = str(f1_significant(row)).lower()
    if seed_rows:
        _add_seeds(by_bar, seed_rows, metric)
    return bars


def _add_seeds(by_bar: Mapping[Any, Row], seed_rows: Sequence[Mapping[str, Any]], metric: str) -> None:
    """Add the columns SEED_COLUMNS to the row of each bar: the seeds, and the estimate with each seed.

    The columns are None for untrained variants and external answers. The table over training seeds has only differences
    between variants, so the estimates are computed:

    - SFT or DPO with a seed: the estimate of base, plus the difference from base with this seed. Base has one estimate
      for all seeds.
    - A trained arm (further variant) with a seed: the estimate of SFT with this seed, plus the difference from SFT with
      this seed.

    Args:
        by_bar: (model, variant) -> row of the bar.
        seed_rows: rows of the task's table over training seeds.
        metric: the headline metric, a key of METRICS.
    """
    measure = f"{metric}_difference" if METRICS[metric].kind == "labels" else METRICS[metric].difference
    for bar in by_bar.values():
        bar |= dict.fromkeys(SEED_COLUMNS)
    for row in seed_rows:
        variant, other = parse_comparison(row["comparison"])
        bar, start = by_bar[row["model"], variant], by_bar[row["model"], other]
        # Arms are not compared with base. Their rows come after those of SFT, so the estimates of SFT are known.
        if variant not in ALL_STAGES or other != ("sft" if variant in ARMS else "base"):
            continue
        if row["measure"] == measure and row["per_seed"] and start["estimate"] is not None:
            effects = [float(effect) for effect in row["per_seed"].split()]
            starts = [float(value) for value in (start["per_seed"] or "").split()] or [start["estimate"]] * len(effects)
            estimates = [round(first + effect, 10) for first, effect in zip(starts, effects, strict=True)]
            bar |= {"seeds": row["seeds"], "per_seed": " ".join(map(repr, estimates))}


def external_names(bars: Sequence[Row]) -> list[str]:
    """Names of the external answers (made outside of the run) that have a bar."""
    return [bar["model"] for bar in bars if bar["variant"] == EXTERNAL]
