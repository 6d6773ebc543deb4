"""What may bias a judge: order, length, the judge's own family, answers to other questions, and its own repetition."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import norm, spearmanr

from clinical_dpo.grading.judge.controls import REPEATED, SHUFFLED
from clinical_dpo.grading.raters.rubric_scores import Rows, with_scores
from clinical_dpo.grading.raters.sheets import Item
from clinical_dpo.io import Row
from clinical_dpo.statistics.intervals import Interval, clopper_pearson, t_interval, wilson
from clinical_dpo.variants import VARIANTS, arms_of

ORDER, LENGTH, LONGER, FAMILY = "order", "length", "longer answer", "own family"
COLUMNS = (
    *("task", "model", "judged", "check", "variant", "estimate", "ci_low", "ci_high", "ci_method", "n", "suspicious"),
    *("judge", "data", "status"),
)
MOST_FLIPS = 0.2  # share of pairs whose verdict changes with the order
# Mean grade or score, or share called correct, of answers to other questions.
MOST_FOREIGN = {"likert": 2.0, "rubric": 0.25, "correctness": 0.1}
CONTROLS = (SHUFFLED, REPEATED)
FEWEST_REPEATED = 0.9  # share of equal verdicts on the same items
FAMILIES = (  # names of model families, as the names of models contain them
    *("llama", "mistral", "mixtral", "qwen", "gemma", "gemini", "gpt", "claude", "phi", "deepseek", "command", "yi"),
    *("falcon", "olmo", "granite", "nemotron", "glm", "kimi", "biomistral", "meditron", "medgemma"),
)
RELATIVES = {"mixtral": "mistral", "biomistral": "mistral", "meditron": "llama", "medgemma": "gemma"}


def families(name: str) -> set[str]:
    """Families of a model, from its name: `meta-llama/Llama-3.3-70B` is of `llama`."""
    words = re.split(r"[^a-z]+", name.casefold())
    return {RELATIVES.get(family, family) for family in FAMILIES for word in words if word.startswith(family)}


def spearman_interval(r: float, n: int) -> Interval:
    """95% interval of Spearman's correlation (Bonett & Wright 2000, Psychometrika 65:23-28); None up to 3 items."""
    if n <= 3 or abs(r) >= 1:
        return None, None
    centre, half_width = math.atanh(r), float(norm.ppf(0.975)) * math.sqrt((1 + r**2 / 2) / (n - 3))
    return math.tanh(centre - half_width), math.tanh(centre + half_width)


def judge_bias(
    kind: str,
    items: Sequence[Item],
    verdicts: Rows,
    controls: Rows,
    record: Mapping[str, Any],
    contestants: Mapping[str, str],
    names: Mapping[str, str],
) -> list[Row]:
    """Rows of COLUMNS: every check of one model's answers, as read by one judge.

    order: share of pairs whose verdict changes with the order of the answers. longer answer: share of preferences for
    the longer answer. length: Spearman's correlation of grade and length in characters within each variant; better
    answers may be longer, so that it is a hint and no proof. shuffled: mean grade or score, or share called correct, of
    answers to other questions. repeated: share of equal verdicts when the same items are judged again. own family: 1 if
    judge and contestant are of the same family by name.

    Args:
        kind: likert, correctness, rubric or preference.
        items: all items that the judge grades.
        verdicts: rows of `judge.COLUMNS`, as read.
        controls: rows of `controls.COLUMNS`, as read.
        record: record of the verdicts, of `judge.judge_items`.
        contestants: name of each contestant in the tables -> the name of its model.
        names: task, model, data (real or synthetic).
    """
    shared = dict.fromkeys(COLUMNS) | {key: names[key] for key in ("task", "model", "data")}
    shared |= {"judged": kind, "judge": record["judge"], "status": "complete"}
    complete = all(row["status"] == "complete" or row["refusal"] for row in verdicts)
    pending = {"status": "pending"}
    graded = verdicts
    by_control: dict[str, Rows] = {name: [row for row in controls if row["control"] == name] for name in CONTROLS}
    if kind == "rubric":  # length and foreign answers are about scores, repetition is about single verdicts
        graded = with_scores(verdicts, "rating")
        by_control[SHUFFLED] = with_scores(by_control[SHUFFLED], "rating")
    table: list[Row] = []
    if kind == "preference":
        judged = _judged_pairs(verdicts)
        table.append(shared | {"check": ORDER} | (_order(judged) if complete else pending))
        table.append(shared | {"check": LONGER} | (_longer(items, verdicts) if complete else pending))
    else:
        shown = [variant for item in items for variants in item.variants for variant in variants]
        for variant in (*VARIANTS, *arms_of(shown)):
            facts = _length(items, graded, variant) if complete else pending
            table.append(shared | {"check": LENGTH, "variant": variant} | facts)
    for name, rows in by_control.items():
        if not rows:
            continue
        waiting = any(row["status"] == "pending" and not row["refusal"] for row in rows) or not complete
        facts = pending if waiting else _shuffled(kind, rows) if name == SHUFFLED else _repeated(rows, verdicts)
        table.append(shared | {"check": name} | facts)
    judge_families = families(" ".join([record["settings"]["model"], *record["models"]]))
    for contestant, model in contestants.items():
        same = bool(judge_families & families(model))
        numbers = {"estimate": float(same), "suspicious": _flag(same)}
        table.append(shared | {"check": FAMILY, "variant": contestant} | numbers)
    return table


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _numbers(estimate: float | None, interval: Interval, method: str, n: int, suspicious: bool) -> Row:
    return {
        **{"estimate": estimate, "ci_low": interval[0], "ci_high": interval[1], "n": n},
        **{"ci_method": None if interval[0] is None else method, "suspicious": _flag(suspicious)},
    }


def _judged_pairs(verdicts: Rows) -> list[str]:
    return [row["rating"] for row in verdicts if row["shown"] == "true" and row["rating"]]


def _order(ratings: Sequence[str]) -> Row:
    flips = sum(rating not in ("A B", "B A", "tie tie") for rating in ratings)
    share = flips / len(ratings) if ratings else None
    return _numbers(share, wilson(flips, len(ratings)), "wilson", len(ratings), bool(share and share > MOST_FLIPS))


def _longer(items: Sequence[Item], verdicts: Rows) -> Row:
    """Share of preferences for the longer of two answers. Ties, and answers of equal length, do not count."""
    item_by_id = {item.item_id: item for item in items}
    longer = n = 0
    for row in verdicts:
        lengths = {
            variants[0]: len(answer)
            for answer, variants in zip(
                item_by_id[row["item_id"]].answers, item_by_id[row["item_id"]].variants, strict=True
            )
        }
        if row["choice"] in lengths and len(set(lengths.values())) == 2:
            n += 1
            longer += lengths[row["choice"]] == max(lengths.values())
    interval = clopper_pearson(longer, n)
    suspicious = interval[0] is not None and interval[0] > 0.5
    return _numbers(longer / n if n else None, interval, "clopper_pearson", n, suspicious)


def _grade(row: Mapping[str, str]) -> float | None:
    """A verdict as a number: the grade, or 1 for correct and 0 for incorrect; None without a verdict."""
    words = {"correct": 1.0, "incorrect": 0.0, "": None}
    return words[row["rating"]] if row["rating"] in words else float(row["rating"])


def _length(items: Sequence[Item], verdicts: Rows, variant: str) -> Row:
    length_by_id = {item.item_id: len(item.answers[0]) for item in items}
    pairs = [
        (length_by_id[row["item_id"]], grade)
        for row in verdicts
        if variant in row["variants"].split() and (grade := _grade(row)) is not None
    ]
    lengths, grades = [length for length, _ in pairs], [grade for _, grade in pairs]
    if len(set(lengths)) < 2 or len(set(grades)) < 2:
        return _numbers(None, (None, None), "", len(pairs), False)
    r = float(spearmanr(lengths, grades).statistic)
    interval = spearman_interval(r, len(pairs))
    return _numbers(r, interval, "bonett_wright", len(pairs), interval[0] is not None and interval[0] > 0)


def _shuffled(kind: str, rows: Rows) -> Row:
    grades = [grade for row in rows if (grade := _grade(row)) is not None]
    if not grades:
        return _numbers(None, (None, None), "", 0, False)
    estimate = sum(grades) / len(grades)
    is_share = kind == "correctness"
    interval = wilson(int(sum(grades)), len(grades)) if is_share else t_interval(grades)
    return _numbers(estimate, interval, "wilson" if is_share else "t", len(grades), estimate > MOST_FOREIGN[kind])


def _repeated(rows: Rows, verdicts: Rows) -> Row:
    first = {row["item_id"]: row["rating"] for row in verdicts}
    pairs = [(row["rating"], first[row["item_id"]]) for row in rows if row["rating"] and first[row["item_id"]]]
    equal = sum(again == before for again, before in pairs)
    share = equal / len(pairs) if pairs else None
    suspicious = share is not None and share < FEWEST_REPEATED
    return _numbers(share, wilson(equal, len(pairs)), "wilson", len(pairs), suspicious)
