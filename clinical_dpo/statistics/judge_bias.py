"""Checks of a judge, a language model that grades answers: which irrelevant facts do its grades depend on?

Such facts are the order of the answers, their length, and the family of the judged model. Two further checks ask
whether the judge gives a low grade to an answer that belongs to another question, and whether it gives the same verdict
when it judges an item again. If the test items are in groups, the intervals treat groups as the independent units, as
in `statistics.agreement`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm, spearmanr

from clinical_dpo.grading.judge.controls import REPEATED, SHUFFLED
from clinical_dpo.grading.raters.rubric_scores import Rows, with_scores
from clinical_dpo.grading.raters.sheets import Item
from clinical_dpo.io import Row
from clinical_dpo.statistics.clustered import clustered_mean, share_of
from clinical_dpo.statistics.groups import Groups, indices
from clinical_dpo.statistics.intervals import Interval, clopper_pearson, t_interval
from clinical_dpo.statistics.rater_reliability import CLUSTERED_JACKKNIFE, jackknife_interval
from clinical_dpo.variants import VARIANTS, arms_of

ORDER, LENGTH, LONGER, FAMILY = "order", "length", "longer answer", "own family"
COLUMNS = (
    *("task", "model", "judged", "check", "variant", "estimate", "ci_low", "ci_high", "ci_method", "n", "suspicious"),
    *("judge", "data", "status"),
)
MOST_FLIPS = 0.2  # largest unsuspicious share of pairs whose verdict changes with the order
# Largest unsuspicious mean grade or score, or share called correct, of answers to other questions.
MOST_FOREIGN = {"likert": 2.0, "rubric": 0.25, "correctness": 0.1}
CONTROLS = (SHUFFLED, REPEATED)
FEWEST_REPEATED = 0.9  # smallest unsuspicious share of equal verdicts on the same items
FAMILIES = (  # a model is of a family if a word of its name begins with the family's name
    *("llama", "mistral", "mixtral", "qwen", "gemma", "gemini", "gpt", "claude", "phi", "deepseek", "command", "yi"),
    *("falcon", "olmo", "granite", "nemotron", "glm", "kimi", "biomistral", "meditron", "medgemma"),
)
RELATIVES = {"mixtral": "mistral", "biomistral": "mistral", "meditron": "llama", "medgemma": "gemma"}


def families(name: str) -> set[str]:
    """Families of a model, such as `llama`, read from the model's name: `meta-llama/Llama-3.3-70B` gives {"llama"}."""
    words = re.split(r"[^a-z]+", name.casefold())
    return {RELATIVES.get(family, family) for family in FAMILIES for word in words if word.startswith(family)}


def spearman_interval(r: float, n: int) -> Interval:
    """95% interval of Spearman's correlation (Bonett & Wright 2000, Psychometrika 65:23-28).

    The interval is (None, None) for up to 3 items, and for a correlation of 1 or -1.

    Args:
        r: the correlation.
        n: number of items.
    """
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
    group_of: Mapping[str, str] | None = None,
) -> list[Row]:
    """Rows with the columns COLUMNS: every check of one judge (a grading language model) on one model's answers.

    The checks and their estimates are:

    - order (only if `kind` is preference): share of pairs whose verdict changes with the order of the answers.
    - longer answer (only if `kind` is preference): share of preferences for the longer answer.
    - length (only if `kind` is not preference): for each variant, Spearman's correlation of the grade and the answer's
      length in characters. Better answers may be longer, so a correlation is a hint and no proof of bias.
    - shuffled: the judge's mean grade of answers that belong to other questions, or the share of such answers that the
      judge calls correct.
    - repeated: share of items with the same verdict when the judge judges them again.
    - own family: 1 if the names of the judge and of the judged model show the same family, otherwise 0.

    Args:
        kind: what the judge gives: likert (grades from 1 to 5), correctness, rubric or preference.
        items: all items that the judge grades.
        verdicts: the judge's verdicts, rows of `judge.COLUMNS`, as read from CSV.
        controls: verdicts of the checks "shuffled" and "repeated", rows of `controls.COLUMNS`, as read from CSV.
        record: record of the requests to the judge, from `judge.judge_items`.
        contestants: maps the name of each judged variant, or of external answers, to the name of the model that gave
            the answers.
        names: `task`, `model` and `data` (real or synthetic), which are copied into the rows.
        group_of: maps the id of a test item to its group; None if the items are not in groups.
    """
    shared = dict.fromkeys(COLUMNS) | {key: names[key] for key in ("task", "model", "data")}
    shared |= {"judged": kind, "judge": record["judge"], "status": "complete"}
    complete = all(row["status"] == "complete" or row["refusal"] for row in verdicts)
    pending = {"status": "pending"}
    graded = verdicts
    by_control: dict[str, Rows] = {name: [row for row in controls if row["control"] == name] for name in CONTROLS}
    if kind == "rubric":  # length and shuffled are checks of scores, repeated is a check of single verdicts
        graded = with_scores(verdicts, "rating")
        by_control[SHUFFLED] = with_scores(by_control[SHUFFLED], "rating")
    table: list[Row] = []
    if kind == "preference":
        table.append(shared | {"check": ORDER} | (_order(verdicts, group_of) if complete else pending))
        table.append(shared | {"check": LONGER} | (_longer(items, verdicts, group_of) if complete else pending))
    else:
        shown = [variant for item in items for variants in item.variants for variant in variants]
        for variant in (*VARIANTS, *arms_of(shown)):
            facts = _length(items, graded, variant, group_of) if complete else pending
            table.append(shared | {"check": LENGTH, "variant": variant} | facts)
    for name, rows in by_control.items():
        if not rows:
            continue
        waiting = any(row["status"] == "pending" and not row["refusal"] for row in rows) or not complete
        if waiting:
            facts = pending
        else:
            facts = _shuffled(kind, rows, group_of) if name == SHUFFLED else _repeated(rows, verdicts, group_of)
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


def _groups(rows: Rows, group_of: Mapping[str, str] | None) -> Groups | None:
    """Index of the group of each row's test item, an array of shape (rows,); None if the items are not in groups."""
    return indices([group_of[row["row_id"]] for row in rows]) if group_of else None


def _order(verdicts: Rows, group_of: Mapping[str, str] | None) -> Row:
    judged = [row for row in verdicts if row["shown"] == "true" and row["rating"]]
    flips = [row["rating"] not in ("A B", "B A", "tie tie") for row in judged]
    share, interval, method = share_of(flips, _groups(judged, group_of))
    return _numbers(share, interval, method, len(judged), bool(share and share > MOST_FLIPS))


def _longer(items: Sequence[Item], verdicts: Rows, group_of: Mapping[str, str] | None) -> Row:
    """The check "longer answer": the share of preferences for the longer of two answers.

    Ties and pairs of answers of equal length do not count.
    """
    item_by_id = {item.item_id: item for item in items}
    longer: list[bool] = []
    counted: list[Mapping[str, str]] = []
    for row in verdicts:
        lengths = {
            variants[0]: len(answer)
            for answer, variants in zip(
                item_by_id[row["item_id"]].answers, item_by_id[row["item_id"]].variants, strict=True
            )
        }
        if row["choice"] in lengths and len(set(lengths.values())) == 2:
            counted.append(row)
            longer.append(lengths[row["choice"]] == max(lengths.values()))
    groups = _groups(counted, group_of)
    share, interval, method = share_of(longer, groups)
    if groups is None:
        interval, method = clopper_pearson(sum(longer), len(longer)), "clopper_pearson"
    return _numbers(share, interval, method, len(longer), interval[0] is not None and interval[0] > 0.5)


def _grade(row: Mapping[str, str]) -> float | None:
    """A row's verdict as a number: the grade, or 1 for correct and 0 for incorrect; None if the row has no verdict."""
    words = {"correct": 1.0, "incorrect": 0.0, "": None}
    return words[row["rating"]] if row["rating"] in words else float(row["rating"])


def _length(items: Sequence[Item], verdicts: Rows, variant: str, group_of: Mapping[str, str] | None) -> Row:
    length_by_id = {item.item_id: len(item.answers[0]) for item in items}
    rows = [row for row in verdicts if variant in row["variants"].split() and _grade(row) is not None]
    lengths = np.array([length_by_id[row["item_id"]] for row in rows])
    grades = np.array([_grade(row) for row in rows])
    if len(set(lengths.tolist())) < 2 or len(set(grades.tolist())) < 2:
        return _numbers(None, (None, None), "", len(rows), False)

    def correlation(kept: np.ndarray) -> float | None:
        x, y = lengths[kept], grades[kept]
        return float(spearmanr(x, y).statistic) if len(set(x.tolist())) > 1 and len(set(y.tolist())) > 1 else None

    r, groups = float(spearmanr(lengths, grades).statistic), _groups(rows, group_of)
    interval, method = spearman_interval(r, len(rows)), "bonett_wright"
    if groups is not None:
        interval, method = jackknife_interval(r, correlation, groups), CLUSTERED_JACKKNIFE
    return _numbers(r, interval, method, len(rows), interval[0] is not None and interval[0] > 0)


def _shuffled(kind: str, rows: Rows, group_of: Mapping[str, str] | None) -> Row:
    graded = [row for row in rows if _grade(row) is not None]
    grades = np.array([_grade(row) for row in graded], dtype=float)
    groups = _groups(graded, group_of)
    if not graded:
        return _numbers(None, (None, None), "", 0, False)
    if kind == "correctness":
        estimate, interval, method = share_of((grades == 1).tolist(), groups)
    elif groups is None:
        estimate, interval, method = float(grades.mean()), t_interval(grades), "t"
    else:
        estimate, interval, method = float(grades.mean()), clustered_mean(grades, groups).interval, "clustered_t"
    return _numbers(estimate, interval, method, len(grades), estimate is not None and estimate > MOST_FOREIGN[kind])


def _repeated(rows: Rows, verdicts: Rows, group_of: Mapping[str, str] | None) -> Row:
    first = {row["item_id"]: row["rating"] for row in verdicts}
    compared = [row for row in rows if row["rating"] and first[row["item_id"]]]
    equal = [row["rating"] == first[row["item_id"]] for row in compared]
    share, interval, method = share_of(equal, _groups(compared, group_of))
    return _numbers(share, interval, method, len(equal), share is not None and share < FEWEST_REPEATED)
