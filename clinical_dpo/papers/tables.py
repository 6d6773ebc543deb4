"""The run's numbers by the names the papers give them, and Murphy 2024's two tables with its values beside ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.papers.published import NAMES

MEASURED = (
    *("task", "model", "variant", "metric", "estimate", "ci_low", "ci_high", "n", "data", "grader", "proxy", "status"),
    *("beta", "log_ratio_gap"),
)
TABLE_1 = ("win_rate", "helpfulness", "reward_margin")
PRINTED = {  # column -> heading
    **{"model": "Model", "variant": "Variant", "measure": "Measure", "ours": "Here (95% CI)", "n": "n"},
    **{"paper": "Paper", "note": "Note"},
}
ROUGE = tuple(f"rouge_{kind}_{score}" for kind in ("1", "2", "l") for score in ("f1", "precision", "recall"))

Rows = Sequence[Mapping[str, Any]]


def measured(metrics: Rows, rouge: Rows, win_rates: Rows, margins: Rows) -> list[Row]:
    """Every estimate of a run as rows of MEASURED, its metric named as in config/published.yaml.

    The win rate is that of all raters pooled, or their proxy's, among the n items that one of the two won; the other
    variant's is what is left of 1. The reward margin is that of the eval pairs when training ended.

    Args:
        metrics, rouge, win_rates, margins: rows of the tables of these names, of all tasks.
    """
    found = [dict(row) | {"metric": NAMES.get(row["metric"], row["metric"])} for row in metrics]
    scored = {row["task"] for row in rouge}
    found = [row for row in found if row["metric"] != "rouge_l_f1" or row["task"] not in scored]  # it stands below
    for row in rouge:
        kind = row["kind"].removeprefix("rouge").lower()
        found.append(dict(row) | {"metric": f"rouge_{kind}_{row['score']}"})
    for row in win_rates:
        if row["rater"] == "pooled" or row["proxy"] == "true":
            winner, loser = row["comparison"].split("_vs_")
            decided = int(row["wins"]) + int(row["losses"]) if row["wins"] else row["n"]
            shared = dict(row) | {"metric": "win_rate", "n": decided}
            found.append(shared | {"variant": winner, "estimate": row["rate"]})
            estimate, low, high = (1 - float(row[key]) if row[key] else "" for key in ("rate", "ci_high", "ci_low"))
            found.append(shared | {"variant": loser, "estimate": estimate, "ci_low": low, "ci_high": high})
    for row in margins:
        if row["split"] == "eval" and row["final"] == "true":
            found.append(dict(row) | {"variant": "dpo", "metric": "reward_margin", "estimate": row["margin"]})
    blank = dict.fromkeys(("ci_low", "ci_high", "n", "grader", "beta", "log_ratio_gap"), "")
    defaults = blank | {"proxy": "false", "status": "complete"}
    return [{key: (defaults | row)[key] for key in MEASURED} for row in found]


def beside_published(
    rows: Rows, entries: Rows, task: str, metrics: Sequence[str], stands_for: Mapping[str, str]
) -> list[Row]:
    """One row per model and variant: each metric of ours with interval and n, and the published value beside it.

    Args:
        rows: from `measured`.
        entries: a study's entries, from `published.load_published`.
        task: whose table.
        metrics: its columns, in order.
        stands_for: the run's model -> the published model it stands in for.
    """
    ours = {(row["model"], row["variant"], row["metric"]): row for row in rows if row["task"] == task}
    printed = {
        (entry["model"], entry["variant"], entry["metric"]): f"{entry['value']:.{entry['decimals']}f}"
        for entry in entries
        if entry["task"] == task
    }
    table = []
    for model, variant in dict.fromkeys((model, variant) for model, variant, metric in ours if metric in metrics):
        line: Row = {"model": model, "variant": variant}
        for metric in metrics:
            row = ours.get((model, variant, metric), {})
            line |= {metric: row.get("estimate", ""), f"{metric}_ci_low": row.get("ci_low", "")}
            line |= {
                f"{metric}_ci_high": row.get("ci_high", ""),
                f"{metric}_n": "" if row.get("status") == "pending" else row.get("n", ""),
            }
            line[f"{metric}_published"] = printed.get((stands_for.get(model, model), variant, metric), "")
            line[f"{metric}_note"] = "; ".join(_caveats(row))
        table.append(line)
    return table


def columns(metrics: Iterable[str]) -> list[str]:
    """The columns of `beside_published`."""
    parts = ("", "_ci_low", "_ci_high", "_n", "_published", "_note")
    return ["model", "variant", *(f"{metric}{part}" for metric in metrics for part in parts)]


def _caveats(row: Mapping[str, Any]) -> Iterable[str]:
    if row.get("data") == "synthetic":
        yield "synthetic data"
    if row.get("proxy") == "true":
        yield "proxy"
    if row.get("status") == "pending":
        yield "pending"
    if row.get("log_ratio_gap"):  # margins of other betas compare in nats alone
        yield f"beta {row['beta']}, {float(row['log_ratio_gap']):.4g} nats"


def printed(table: Rows, metrics: Sequence[str]) -> list[Row]:
    """The same, one line per model, variant and measure, as text for print: PRINTED."""
    return [
        {
            "model": row["model"],
            "variant": row["variant"],
            "measure": metric.replace("_", " "),
            "ours": _estimate(*(row[f"{metric}{part}"] for part in ("", "_ci_low", "_ci_high"))),
            "n": row[f"{metric}_n"],
            "paper": row[f"{metric}_published"],
            "note": row[f"{metric}_note"],
        }
        for metric in metrics
        for row in table
        if row[metric] != "" or row[f"{metric}_published"] != ""
    ]


def _estimate(estimate: Any, low: Any, high: Any) -> str:
    if estimate == "":
        return ""
    return f"{float(estimate):.2f}" + (f" ({float(low):.2f} to {float(high):.2f})" if low != "" else "")
