"""Sentences that say for a task whether SFT is enough or DPO is worth its cost.

The sentences are made from the task's decisions. A decision compares a difference of two variants with a margin.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.io import Row
from clinical_dpo.report.amounts import interval_text, margin_text, signed_amount, with_interval
from clinical_dpo.report.cost_table import cost_rows
from clinical_dpo.report.p_values import opposed
from clinical_dpo.report.trivial_remarks import remarks
from clinical_dpo.statistics.corrected import CORRECTED, SAMPLE
from clinical_dpo.statistics.decisions import NO_BETTER_THAN_TRIVIAL
from clinical_dpo.training.run_record import on_cpu
from clinical_dpo.variants import STAGES


class Price(NamedTuple):
    """Hours of SFT and DPO together, as a multiple of the hours of SFT alone."""

    multiple: float
    unit: str  # "GPU hours", or "training hours" if a run was on a CPU


def prices(runs: Iterable[str | Path], references: Iterable[str | Path]) -> dict[str, Price]:
    """Map each model to the price of DPO: the hours of SFT and DPO together, divided by those of SFT alone.

    The hours are those of the cost table (see `cost_table.cost_rows`). They include loading, evaluations, probes (first
    runs of trials) and the pass of DPO's reference model. A model without SFT runs is left out.

    Args:
        runs: paths {task}/{model}/{stage}/{trial}/{adapter or probe}/run.json of one task, for the stages sft and dpo.
        references: paths {task}/{model}/preferences/train.reference.json of the task's reference passes.
    """
    stages: dict[str, dict[str, Row]] = {}
    for row in cost_rows(runs, references, {}):
        stages.setdefault(row["model"], {})[row["stage"]] = row
    return {
        model: Price(
            sum(row["seconds"] for row in rows.values()) / rows["sft"]["seconds"],
            "training hours"
            if any(on_cpu(name) for row in rows.values() for name in row["device"].split(" and "))
            else "GPU hours",
        )
        for model, rows in stages.items()
        if "sft" in rows
    }


def with_sentences(
    rows: Sequence[Row],
    price: Mapping[str, Price],
    recorded: float | None,
    trivial: Sequence[Mapping[str, Any]] = (),
    *,
    headline: str,
    stats: Sequence[Mapping[str, Any]] = (),
) -> list[Row]:
    """Return a task's decisions with one more column, `sentence`.

    A row that compares DPO with SFT gets a text in this column. All other rows get None.

    Args:
        rows: all decisions of one task, rows of `statistics.decisions.COLUMNS`.
        price: model -> training time of SFT and DPO together, divided by the training time of SFT alone. It is the
            result of `prices`. A model may be missing.
        recorded: the margin that was recorded before the test answers were made; None without a record.
        trivial: rows of the task's trivial.csv, as read from CSV; empty for a task without labels.
        headline: the task's headline metric, a key of METRICS. If a decision compares another metric, its sentence
            says so.
        stats: rows of the task's stats.csv. If a decision compares F1, but right answers favour the other variant, its
            sentence says so.
    """
    opposite = {(row["model"], row["comparison"]): float(row["effect"]) for row in stats if opposed(row)}
    of = {(row["model"], row["comparison"]): row for row in rows}
    return [
        row
        | {
            "sentence": _sentence(
                row,
                of.get((row["model"], "sft_vs_base")),
                of.get((row["model"], "dpo_vs_base")),
                price.get(row["model"]),
                trivial,
            )
            + _opposite(row["metric"], opposite.get((row["model"], row["comparison"])))
            + _compared(row["metric"], headline)
            + _history(row["margin"], recorded)
            + _marks(row)
            if row["comparison"] == "dpo_vs_sft"
            else None
        }
        for row in rows
    ]


def _sentence(
    row: Mapping[str, Any],
    sft: Mapping[str, Any] | None,
    dpo: Mapping[str, Any] | None,
    price: Price | None,
    trivial: Sequence[Mapping[str, Any]],
) -> str:
    """Return the sentence about one model: whether SFT is enough, with the numbers and the price of DPO.

    Args:
        row: the decision about DPO against SFT.
        sft: the decision about SFT against the base model, or None.
        dpo: the decision about DPO against the base model, or None.
        price: the price of DPO, or None if it is unknown.
        trivial: rows of the task's trivial.csv, as read from CSV; empty for a task without labels.
    """
    if row["status"] == "pending":
        return "Grades awaited."
    if row["margin_ci_low"] is None:
        return "Undecided: the difference between DPO and SFT has no interval on these items."
    margin = f"{margin_text(row['metric'], row['margin'])} or more"
    decision, numbers = row["decision"], _numbers(row)
    cost = f", at {price.multiple:.1f} times the {price.unit}" if price else ""
    items = f"about {_two_digits(row['items_to_decide'])} {_unit(row)} would decide" if row["items_to_decide"] else ""
    sft_is_trivial = any(
        (other["model"], other["variant"], other["above_trivial"]) == (row["model"], "sft", "false")
        for other in trivial
    )
    sft_is_worse = sft is not None and sft["decision"] == "worse"
    enough = "Neither is enough" if sft_is_trivial or sft_is_worse else "SFT is enough"
    # A gain over SFT is worth nothing if the base model is as good as DPO.
    against_base = {
        "worse": "worse than Base",
        "equivalent": f"not better than Base by {margin}",
        "not superior": f"not better than Base by {margin}",
    }.get(dpo["decision"] if dpo else "")
    if decision in ("equivalent", "not superior"):
        text = f"{enough}: DPO is not better by {margin} {numbers}{cost}."
    elif decision == "worse":
        text = f"{enough}: DPO is worse {numbers}{cost}."
    elif decision == NO_BETTER_THAN_TRIVIAL:
        text = f"Neither is enough: DPO is better than SFT {numbers}{cost}, and no better than a trivial answer."
    elif decision == "better" and against_base:
        text = f"Neither is enough: DPO is better than SFT {numbers}{cost}, and {against_base}."
    elif decision == "better" and row["effect"] >= row["margin"]:
        text = f"DPO is worth it: DPO is better {numbers}{cost}."
    elif decision == "better":
        less = margin.removesuffix(" or more")
        text = f"DPO may be worth it: DPO is better, but perhaps by less than {less} {numbers}{cost}."
    elif decision == "not inferior":
        text = f"Undecided: DPO is not worse by {margin}, and may be better {numbers}; {items}."
    else:
        text = f"Undecided: {items} {numbers}."
    if sft and sft["decision"]:
        text += f" SFT against Base: {sft['decision']}."
    return " ".join(
        [text, *(words for variant in STAGES for words in remarks(trivial, row["task"], row["model"], variant))]
    )


def over_seeds(row: Mapping[str, Any], seeds: Sequence[Mapping[str, str]]) -> str:
    """Sentence about the mean difference over several training seeds. The text begins with a space.

    With a single seed, the text is "". The decision itself is about the first seed.

    Args:
        row: row of decisions.csv, which names the task, the model and the comparison.
        seeds: rows of seeds.csv, as read from CSV; empty with a single seed.
    """
    metric = METRICS[row["metric"]]
    measure = f"{metric.name}_difference" if metric.kind == "labels" else metric.difference
    wanted = (row["task"], row["model"], row["comparison"], measure)
    for seed in seeds:
        names = (seed["task"], seed["model"], seed["comparison"], seed["measure"])
        if names != wanted or seed["effect"] in (None, ""):
            continue
        effect = float(seed["effect"])
        text = f" Over {seed['n_seeds']} training seeds: {signed_amount(row['metric'], effect)}"
        if seed["ci_low"] in (None, ""):
            return f"{text}."
        low, high = float(seed["ci_low"]), float(seed["ci_high"])
        text += f" ({interval_text(row['metric'], (0.95, low, high))})"
        holds_zero = row["decision"] in ("better", "worse") and low <= 0 <= high
        return text + (", so that other seeds may show no difference." if holds_zero else ".")
    return ""


def _unit(row: Mapping[str, Any]) -> str:
    """Name of the items that the column `items_to_decide` counts.

    The name is "rated items" if the decision is based on the raters' grades alone. It is, for example, "test items, 20%
    of them rated," if the raters' grades correct a judge's estimate. In all other cases, it is "test items".

    Args:
        row: row of the decisions.
    """
    if row["basis"] == SAMPLE:
        return "rated items"
    return f"test items, {row['rated'] / row['n']:.0%} of them rated," if row["basis"] == CORRECTED else "test items"


def _numbers(row: Mapping[str, Any]) -> str:
    """Text of a decision's effect and of the interval that led to the decision: "(+3.1, 95% interval 0.4 to 5.8)".

    Args:
        row: row of the decisions.
    """
    two_sided = row["decision"] in ("better", "worse", NO_BETTER_THAN_TRIVIAL)
    level, low, high = (row[key if two_sided else f"margin_{key}"] for key in ("level", "ci_low", "ci_high"))
    edges = (0.0, row["margin"], -row["margin"])
    return f"({with_interval(row['metric'], row['effect'], (level, low, high), edges)})"


def _opposite(metric: str, right_answers: float | None) -> str:
    """Sentence that says that the share of right answers favours one variant, and F1 favours the other variant.

    The text is "" if `right_answers` is None, or if the decision is about the share of right answers.

    Args:
        metric: the metric of the decision.
        right_answers: the difference of the two variants' shares of right answers; None if F1 favours the same variant.
    """
    if right_answers is None or metric == "accuracy":
        return ""
    return f" Right answers point the other way: {signed_amount('accuracy', right_answers)} points."


def _compared(metric: str, headline: str) -> str:
    if metric == headline:
        return ""
    return f" The decision compares right answers: {METRICS[headline].title} has no paired interval."


def _history(margin: float, recorded: float | None) -> str:
    if recorded is None:
        return " The margin was not recorded before the test answers were made."
    return "" if recorded == margin else f" The margin was {recorded:g} when the first test answers were made."


def _marks(row: Mapping[str, Any]) -> str:
    marks = ["synthetic data"] if row["data"] == "synthetic" else []
    marks += [f"{row['basis']} of {row['rated']} rated items"] if row["rated"] and row["basis"] else []
    marks += [f"proxy grades ({row['grader']})"] if row["proxy"] == "true" else []
    return f" [{', '.join(marks)}]" if marks else ""


def _two_digits(number: int) -> str:
    """A number as text, rounded to two significant digits: 638 -> "640"."""
    return f"{round(number, 2 - len(str(number))):,}"
