"""Plan, before any run, how many test items each task needs to show a difference as large as its margin."""

from collections.abc import Sequence

from clinical_dpo.cluster.text_table import text_table
from clinical_dpo.config.margins import task_margin
from clinical_dpo.config.metrics import METRICS, decision_metric
from clinical_dpo.config.study import Study
from clinical_dpo.io import Row
from clinical_dpo.report.amounts import amount, margin_text
from clinical_dpo.statistics.planning import items_needed, smallest_detectable, spreads

COLUMNS = (
    *("task", "metric", "margin", "margin_source", "test", "alpha", "items", "spread_measure", "spread"),
    *("items_needed", "smallest_detectable"),
)
HEADS = {
    "discordance": "items needed if one variant alone is right on this share of the items",
    "sd": "items needed if the paired differences have this SD",
}
BASIS = """\
"items needed" is the number of test items with which the paired test shows a difference as large as the margin, with
80% power at the level of the family. For F1, this test compares shares of right answers. "detectable" is the smallest
difference that the planned items show with 80% power. It assumes that one variant alone is right on a fifth of the
items, or that the paired differences have an SD of a quarter of the scale."""


def item_rows(study: Study) -> list[Row]:
    """Rows with the columns COLUMNS: how many test items a task needs to show a difference as large as its margin.

    There is one row per task and assumed spread. For a metric of right answers, the spread is the discordance: the
    share of items that exactly one of two variants answers right. For a mean, it is the standard deviation of the
    paired differences.
    """
    rows = []
    for task, settings in study.tasks.items():
        name, margin = decision_metric(settings["metric"]), task_margin(settings)
        metric = METRICS[name]
        alpha, items = study.config["alpha"] / len(study.family(task)), settings["splits"]["test"]
        shared = {"task": task, "metric": name, "margin": margin.value, "margin_source": margin.source}
        shared |= {"test": metric.test, "alpha": alpha, "items": items}
        shared["spread_measure"] = "sd" if metric.kind == "mean" else "discordance"
        rows += [
            shared
            | {
                "spread": spread,
                "items_needed": items_needed(metric, margin.value, spread, alpha),
                "smallest_detectable": smallest_detectable(metric, items, alpha, spread),
            }
            for spread in spreads(metric)
        ]
    return rows


def item_text(rows: Sequence[Row]) -> str:
    """The plan of test items as text, with a line per task.

    For each assumed spread (see `item_rows`), the line has the number of test items that the task needs to show a
    difference as large as its margin.

    Args:
        rows: from `item_rows`.
    """
    lines = []
    for measure, head in HEADS.items():
        table: list[Sequence[object]] = [("test items", "margin", "level", "planned", "detectable", head)]
        for task in dict.fromkeys(row["task"] for row in rows if row["spread_measure"] == measure):
            of_task = [row for row in rows if row["task"] == task]
            first, metric = of_task[0], METRICS[of_task[0]["metric"]]
            least = smallest_detectable(metric, first["items"], first["alpha"])
            margin = f"{margin_text(first['metric'], first['margin'])} ({first['margin_source']})"
            detectable = "none" if least is None else amount(first["metric"], least)
            needed = "   ".join(f"{row['spread']:g}: {row['items_needed'] or 'none'}" for row in of_task)
            table.append((task, margin, f"{first['alpha']:.3g}", first["items"], detectable, needed))
        lines += text_table(table, (0, 1, 5))
    return "\n".join([*lines, BASIS])
