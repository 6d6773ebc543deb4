"""Statements about results. Every number comes from a table. Every conclusion is a sentence of decisions.csv."""

from collections.abc import Callable, Mapping

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.io import optional_number
from clinical_dpo.paths import parse_comparison
from clinical_dpo.report.amounts import in_points, interval_text, signed_amount
from clinical_dpo.report.p_values import format_p, quantity_compared
from clinical_dpo.report.package.run_facts import RunFacts
from clinical_dpo.variants import EXTERNAL, TITLES

Row = Mapping[str, str]


def estimates(facts: RunFacts, task: str) -> list[str]:
    """A sentence for each model: the headline metric of each variant with its interval and the number of items."""
    definition = METRICS[facts.study.tasks[task]["metric"]]
    by_model: dict[str, list[str]] = {}
    for row in facts.rows("metrics", task=task, metric=definition.name):
        name = "" if row["variant"] == EXTERNAL else f" for {TITLES[row['variant']]}"
        by_model.setdefault(row["model"], []).append(f"{_estimate(row)}{name}{_items(row)}{_unreadable(row)}")
    return [
        f"{facts.study.titles[model]}: {definition.title} was {', '.join(values)}."
        for model, values in by_model.items()
    ]


def _estimate(row: Row) -> str:
    if row["status"] == "pending":
        return "pending (grades are awaited)"
    if not row["estimate"]:
        return "not defined"
    low, high = row["ci_low"], row["ci_high"]
    interval = f" (95% interval {float(low):.2f} to {float(high):.2f})" if low and high else ""
    return f"{float(row['estimate']):.2f}{interval}"


def _items(row: Row) -> str:
    return f" (n = {int(float(row['n'])):,})" if row["n"] and row["status"] != "pending" else ""


def _unreadable(row: Row) -> str:
    rate = row["invalid_rate"]
    return f", {float(rate):.1%} of the answers unreadable" if rate and float(rate) > 0 else ""


def comparisons(facts: RunFacts, task: str) -> list[str]:
    """A sentence for each comparison of stats.csv: difference, interval, P, and the threshold for significance."""
    metric = facts.study.tasks[task]["metric"]
    lines = []
    for row in facts.rows("stats", task=task):
        pair = [TITLES.get(name, facts.study.titles.get(name, name)) for name in parse_comparison(row["comparison"])]
        name = f"{facts.study.titles[row['model']]}, {pair[0]} against {pair[1]}"
        if row["status"] == "pending":
            lines.append(f"{name}: pending (grades are awaited).")
        elif row["effect"]:
            effect, interval = _effect(metric, row, "effect_")
            threshold = float(row["threshold"])
            p = format_p(optional_number(row["p_value"]), threshold)
            p = p if p.startswith(("<", ">")) or p == "n/a" else f"= {p}"
            lines.append(
                f"{name}: difference {effect}{interval}, P {p} for {quantity_compared(row)}, uncorrected; the "
                f"threshold is {threshold:.3g}."
            )
    return lines


def _effect(metric: str, row: Row, prefix: str = "") -> tuple[str, str]:
    """Return the text of a difference with its sign and unit, and the text of its interval.

    Args:
        metric: the task's headline metric, a key of METRICS.
        row: row with the difference in the column `effect`, and the limits of the interval in two further columns.
        prefix: text that stands before `ci_low` and `ci_high` in the names of the limits' columns.
    """
    low, high = row[f"{prefix}ci_low"], row[f"{prefix}ci_high"]
    interval = f", {interval_text(metric, (0.95, float(low), float(high)))}" if low else ""
    unit = " points" if in_points(metric) else ""
    return signed_amount(metric, float(row["effect"])) + unit, interval


def decisions(facts: RunFacts, task: str) -> list[str]:
    """A line per model: the model's title, then the model's sentence of decisions.csv, unchanged."""
    return [
        f"{facts.study.titles[row['model']]}: {row['sentence']}"
        for row in facts.rows("decisions", task=task)
        if row["sentence"]
    ]


def over_seeds(facts: RunFacts, task: str) -> list[str]:
    """Return a line for each model, comparison and measure in seeds.csv: the mean effect over all training seeds.

    An effect that is not defined gets no line. A task with one training seed has no seeds.csv, so it has no lines.
    """
    metric = facts.study.tasks[task]["metric"]
    lines = []
    for row in facts.rows("seeds", task=task):
        if row["effect"]:
            first, second = (TITLES[name] for name in parse_comparison(row["comparison"]))
            effect, interval = _effect(metric, row)
            lines.append(
                f"{facts.study.titles[row['model']]}, {first} against {second}, {row['measure']} over "
                f"{row['n_seeds']} training seeds ({row['seeds']}): {effect}{interval}."
            )
    return lines


def marks(facts: RunFacts, task: str) -> list[str]:
    """Warnings that belong to every result of a task: synthetic text, and proxy grades."""
    rows = facts.rows("metrics", task=task)
    lines = []
    if any(row["data"] == "synthetic" for row in rows):
        lines.append("The text is synthetic: the numbers say nothing about medicine.")
    if any(row["proxy"] == "true" for row in rows):
        lines.append("The grades are a proxy for those of people or of a judge.")
    return lines


def _of_all_tasks(facts: RunFacts, *kinds: Callable[[RunFacts, str], list[str]]) -> list[str]:
    """Call each function of `kinds` for each task. Return all lines, each with the task's title before it."""
    return [
        f"{facts.task_title(task)}. {line}"
        for task in facts.study.tasks
        for statements in kinds
        for line in statements(facts, task)
    ]


def main_results(facts: RunFacts) -> list[str]:
    """The metrics, decisions and warnings of all tasks, as lines that begin with the task's title.

    The functions `estimates`, `decisions` and `marks` make the lines.
    """
    return _of_all_tasks(facts, estimates, decisions, marks)


def all_comparisons(facts: RunFacts) -> list[str]:
    """All tasks' comparisons, from the function `comparisons`. Each line has the title of its task before it."""
    return _of_all_tasks(facts, comparisons)


def all_over_seeds(facts: RunFacts) -> list[str]:
    """All tasks' effects over training seeds, from the function `over_seeds`.

    Each line has the title of its task before it.
    """
    return _of_all_tasks(facts, over_seeds)


def analysed(facts: RunFacts) -> list[str]:
    """A line per task, model and variant: the number of test items in the analysis."""
    lines = []
    for task, settings in facts.study.tasks.items():
        name = METRICS[settings["metric"]].name
        for row in facts.rows("metrics", task=task, metric=name):
            variant = TITLES.get(row["variant"], row["variant"])
            state = f"{row['n']} items" + (", pending" if row["status"] == "pending" else "")
            lines.append(f"{settings['title']}, {facts.study.titles[row['model']]}, {variant}: {state}.")
    return lines


def all_marks(facts: RunFacts) -> list[str]:
    """All tasks' warnings, from the function `marks`. Each warning has the title of its task before it."""
    return _of_all_tasks(facts, marks)
