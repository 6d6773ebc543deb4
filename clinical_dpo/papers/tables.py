"""Tables that show a run's numbers beside the numbers that Murphy 2024 prints.

The metrics have the names that config/published.yaml gives them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.papers.published import PUBLISHED_NAMES, Entry
from clinical_dpo.paths import parse_comparison

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
MURPHY_TABLES = {  # table of Murphy 2024 -> its task and its metrics
    "table1": ("pubmedqa", TABLE_1),
    "rouge": ("meqsum", ROUGE),
}

Rows = Sequence[Mapping[str, Any]]


def measured(metrics: Rows, rouge: Rows, win_rates: Rows, margins: Rows) -> list[Row]:
    """Collect every estimate of a run, under the name that config/published.yaml gives its metric.

    Win rates are those of all raters pooled, and those of automatic raters (a proxy such as ROUGE-L, or a judge). The n
    of a win rate is the number of wins and losses. While ratings are pending, it is the number of items. The second
    variant of a comparison gets 1 minus the win rate of the first. The reward margin is the mean over the eval pairs at
    the end of training.

    Args:
        metrics: rows of metrics.csv of all tasks.
        rouge: rows of rouge.csv of all tasks.
        win_rates: rows of win_rate.csv of all tasks.
        margins: rows of reward_margin.csv of all tasks.

    Returns:
        Rows with the columns MEASURED, one per estimate.
    """
    tasks_with_rouge = {row["task"] for row in rouge}
    rows = []
    for row in metrics:
        metric = PUBLISHED_NAMES.get(row["metric"], row["metric"])
        if metric != "rouge_l_f1" or row["task"] not in tasks_with_rouge:  # rouge.csv has this row too
            rows.append(dict(row) | {"metric": metric})
    for row in rouge:
        kind = row["kind"].removeprefix("rouge").lower()
        rows.append(dict(row) | {"metric": f"rouge_{kind}_{row['score']}"})
    for row in win_rates:
        if row["rater"] == "pooled" or row["proxy"] == "true":
            variant, other = parse_comparison(row["comparison"])
            decided = int(row["wins"]) + int(row["losses"]) if row["wins"] else row["n"]
            shared = dict(row) | {"metric": "win_rate", "n": decided}
            rows.append(shared | {"variant": variant, "estimate": row["rate"]})
            estimate, low, high = (1 - float(row[key]) if row[key] else "" for key in ("rate", "ci_high", "ci_low"))
            rows.append(shared | {"variant": other, "estimate": estimate, "ci_low": low, "ci_high": high})
    for row in margins:
        if row["split"] == "eval" and row["final"] == "true":
            rows.append(dict(row) | {"variant": "dpo", "metric": "reward_margin", "estimate": row["margin"]})
    blank = dict.fromkeys(("ci_low", "ci_high", "n", "grader", "beta", "log_ratio_gap"), "")
    defaults = blank | {"proxy": "false", "status": "complete"}
    return [{key: (defaults | row)[key] for key in MEASURED} for row in rows]


def beside_published(
    rows: Rows, entries: Sequence[Entry], task: str, metrics: Sequence[str], stands_for: Mapping[str, str]
) -> list[Row]:
    """Make a row per model and variant, with the run's estimates beside the published values.

    For each metric, a row has the run's estimate, its interval, its n, the published value and a note.

    Args:
        rows: from `measured`.
        entries: a study's printed numbers, from `published.load_published`.
        task: name of the task that the table is about.
        metrics: the table's metrics, in order.
        stands_for: name of a model of the run -> name of the published model that it stands in for.

    Returns:
        Rows with the columns of `columns(metrics)`.
    """
    of_task = {(row["model"], row["variant"], row["metric"]): row for row in rows if row["task"] == task}
    published = {
        (entry["model"], entry["variant"], entry["metric"]): f"{entry['value']:.{entry['decimals']}f}"
        for entry in entries
        if entry["task"] == task
    }
    table = []
    for model, variant in dict.fromkeys((model, variant) for model, variant, metric in of_task if metric in metrics):
        line: Row = {"model": model, "variant": variant}
        for metric in metrics:
            row = of_task.get((model, variant, metric), {})
            line |= {metric: row.get("estimate", ""), f"{metric}_ci_low": row.get("ci_low", "")}
            line |= {
                f"{metric}_ci_high": row.get("ci_high", ""),
                f"{metric}_n": "" if row.get("status") == "pending" else row.get("n", ""),
            }
            line[f"{metric}_published"] = published.get((stands_for.get(model, model), variant, metric), "")
            line[f"{metric}_note"] = "; ".join(_caveats(row))
        table.append(line)
    return table


def columns(metrics: Iterable[str]) -> list[str]:
    """Names of the columns in the rows that `beside_published` makes for these metrics."""
    parts = ("", "_ci_low", "_ci_high", "_n", "_published", "_note")
    return ["model", "variant", *(f"{metric}{part}" for metric in metrics for part in parts)]


def _caveats(row: Mapping[str, Any]) -> Iterable[str]:
    if row.get("data") == "synthetic":
        yield "synthetic data"
    if row.get("proxy") == "true":
        yield "proxy"
    if row.get("status") == "pending":
        yield "pending"
    if row.get("log_ratio_gap"):  # margins with different betas are comparable in nats only
        yield f"beta {row['beta']}, {float(row['log_ratio_gap']):.4g} nats"


def printed(table: Rows, metrics: Sequence[str]) -> list[Row]:
    """Make a row of text for each combination of metric, model and variant. The columns are the keys of PRINTED.

    A combination has no row if the run has no estimate and the paper prints no value.

    Args:
        table: rows of `beside_published`.
        metrics: the table's metrics, in order.
    """
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
