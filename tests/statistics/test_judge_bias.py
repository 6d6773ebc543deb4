"""Checks of what may bias a judge, on judges whose bias is known, and in words."""

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from scipy.stats import spearmanr
from statsmodels.stats.proportion import proportion_confint

from clinical_dpo.grading.raters.sheets import Item
from clinical_dpo.report.judge_words import bias_lines
from clinical_dpo.schemas import SCHEMAS
from clinical_dpo.statistics.judge_bias import COLUMNS, families, judge_bias, spearman_interval
from clinical_dpo.yaml_files import read_yaml

NAMES = {"task": "t", "model": "m", "data": "real"}
RECORD = {"judge": "ward", "settings": {"model": "llama-3.3-70b"}, "models": ["tiny-judge-2026"]}


def checks(kind, items, ratings, controls=(), contestants=None, group_of=None, **changes):
    """Rows by (check, variant), from verdicts with these ratings."""
    verdicts = []
    for item, rating in zip(items, ratings, strict=True):
        variants = [variant for names in item.variants for variant in names]
        choice = {"A B": variants[0], "B A": variants[-1]}.get(rating, "tie") if kind == "preference" else rating
        verdicts.append(
            {
                "item_id": item.item_id,
                "row_id": item.row_id,
                "variants": " ".join(variants),
                "shown": "true",
                "rating": rating,
            }
            | {"choice": choice, "refusal": "", "status": "complete"}
            | changes
        )
    rows = judge_bias(kind, items, verdicts, controls, RECORD, contestants or {}, NAMES, group_of)
    validator = Draft202012Validator(read_yaml(SCHEMAS / "judge_bias.schema.yaml"))
    for row in rows:
        assert tuple(row) == COLUMNS
        validator.validate(row)
    return {(row["check"], row["variant"]): row for row in rows}


def answers(texts, variant="sft"):
    return [Item(f"i{n}", f"r{n}", "q", "reference", (text,), ((variant,),)) for n, text in enumerate(texts)]


def words(rows):
    as_read = [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows.values()]
    return "\n".join(bias_lines(as_read))


def test_a_judge_that_likes_length_is_found_within_a_variant():
    draw = np.random.default_rng(1)
    lengths = draw.integers(10, 400, 120)
    grades = np.clip(np.round(lengths / 100 + draw.normal(0, 0.7, 120)), 1, 5).astype(int)
    rows = checks("likert", answers(["x" * n for n in lengths]), [str(grade) for grade in grades])
    row = rows["length", "sft"]
    assert row["estimate"] == pytest.approx(spearmanr(lengths, grades).statistic) and row["suspicious"] == "true"
    assert row["ci_low"] < row["estimate"] < row["ci_high"] and row["n"] == 120
    assert "judge ward (likert) gives longer answers of SFT higher grades (rank correlation 0." in words(rows)
    assert (rows["length", "base"]["estimate"], rows["length", "base"]["n"]) == (None, 0)


def test_a_judge_that_ignores_length_is_not_suspicious():
    draw = np.random.default_rng(2)
    grades = draw.integers(1, 6, 200).astype(str)
    rows = checks("likert", answers(["x" * n for n in draw.integers(10, 400, 200)]), grades.tolist())
    assert rows["length", "sft"]["suspicious"] == "false" and "gives longer answers of SFT no higher grades" in words(
        rows
    )


def test_the_interval_of_a_rank_correlation_holds_it():
    """1,000 samples of 60 of a normal pair with correlation .5; Spearman's is 6 / pi asin(.25)."""
    draw, truth, held = np.random.default_rng(3), 6 / np.pi * np.arcsin(0.25), 0
    for _ in range(1000):
        x, noise = draw.normal(size=(2, 60))
        low, high = spearman_interval(float(spearmanr(x, 0.5 * x + 0.75**0.5 * noise).statistic), 60)
        held += low < truth < high
    assert 0.93 < held / 1000 < 0.97
    assert spearman_interval(0.5, 3) == spearman_interval(1.0, 50) == (None, None)


def pairs(n, longer):
    """Pairs of DPO's and SFT's answers; DPO's is longer in the first `longer` of them."""
    texts = [("xx", "x") if number < longer else ("x", "xx") for number in range(n)]
    return [Item(f"i{k}", f"r{k}", "q", "reference", pair, (("dpo",), ("sft",))) for k, pair in enumerate(texts)]


def test_order_and_length_of_preferences():
    ratings = ["A B"] * 30 + ["B A"] * 10 + ["A A"] * 15 + ["tie tie"] * 5
    rows = checks("preference", pairs(60, 35), ratings)
    order, longer = rows["order", None], rows["longer answer", None]
    assert (order["estimate"], order["n"], order["suspicious"]) == (0.25, 60, "true")
    assert (longer["estimate"], longer["n"]) == ((30 + 5) / 40, 40)
    assert (longer["ci_low"], longer["ci_high"]) == pytest.approx(proportion_confint(35, 40, method="beta"))
    text = words(rows)
    assert "changes its verdict in 25% of 60 pairs when the two answers change places - a warning" in text
    assert "prefers the longer answer in 88% of 40 preferences - a warning" in text


def control(name, ratings, **changes):
    return [
        {
            "control": name,
            "item_id": f"i{number}",
            "row_id": f"r{number}",
            "rating": rating,
            "refusal": "",
            "status": "complete",
        }
        | changes
        for number, rating in enumerate(ratings)
    ]


@pytest.mark.parametrize(
    ("kind", "ratings", "estimate", "suspicious", "text"),
    [
        ("likert", ["1", "1", "2", "1"], 1.25, "false", "a mean grade of 1.2 on a scale from 1 to 5"),
        ("likert", ["4", "4", "2", "1"], 2.75, "true", "a mean grade of 2.8 on a scale from 1 to 5"),
        ("correctness", ["incorrect"] * 20, 0, "false", "grades 0% of 20 answers to other questions as correct"),
        ("correctness", ["correct"] * 5 + ["incorrect"] * 5, 0.5, "true", "grades 50% of 10 answers to other"),
    ],
)
def test_answers_to_other_questions_must_score_low(kind, ratings, estimate, suspicious, text):
    items = answers(["x"] * 3)
    rows = checks(kind, items, ["4" if kind == "likert" else "correct"] * 3, control("shuffled", ratings))
    row = rows["shuffled", None]
    assert (row["estimate"], row["suspicious"], row["n"]) == (estimate, suspicious, len(ratings))
    assert text in words(rows)


def test_repeated_verdicts_are_compared_with_the_first():
    again = control("repeated", ["correct"] * 7 + ["incorrect"] * 3)
    row = checks("correctness", answers(["x"] * 10), ["correct"] * 10, again)["repeated", None]
    assert (row["estimate"], row["n"], row["suspicious"]) == (0.7, 10, "true")


def test_checks_are_pending_with_the_verdicts():
    rows = checks("likert", answers(["x"] * 3), [""] * 3, control("shuffled", ["1"]), status="pending")
    assert {row["status"] for row in rows.values()} == {"pending"} and words(rows) == ""
    rows = checks("likert", answers(["x"] * 3), ["4"] * 3, control("shuffled", [""], status="pending"))
    assert rows["shuffled", None]["status"] == "pending" and rows["length", "sft"]["status"] == "complete"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("meta-llama/Llama-3.3-70B-Instruct", {"llama"}),
        ("mistralai/Mixtral-8x7B", {"mistral"}),
        ("BioMistral/BioMistral-7B", {"mistral"}),
        ("gpt-4o-mini", {"gpt"}),
        ("tiny-judge-2026", set()),
    ],
)
def test_a_family_is_read_from_a_model_s_name(name, expected):
    assert families(name) == expected


def test_a_contestant_of_the_judge_s_family_is_named():
    contestants = {"ours": "meta-llama/Meta-Llama-3-8B-Instruct", "theirs": "mistralai/Mistral-7B"}
    rows = checks("likert", answers(["x"]), ["4"], contestants=contestants)
    assert [rows["own family", name]["suspicious"] for name in contestants] == ["true", "false"]
    assert "is of the same family as ours, and may favour it - a warning" in words(rows) and "theirs" not in words(rows)


def test_items_of_a_patient_are_not_independent():
    """Five patients with twelve equal items each: what looks sure of 60 items is not of five patients."""
    group_of = {f"r{number}": f"p{number // 12}" for number in range(60)}
    ratings = (["A B"] * 12 + ["B A"] * 12) * 2 + ["A B"] * 12  # DPO wins with patients 1, 3 and 5
    items, again = pairs(60, 60), control("repeated", ratings[:24])
    grouped = checks("preference", items, ratings, again, group_of=group_of)
    independent = checks("preference", items, ratings, again)
    for check, method in (("order", "clustered_wilson"), ("longer answer", "clustered_wilson")):
        row, before = grouped[check, None], independent[check, None]
        assert (row["estimate"], row["n"], row["ci_method"]) == (before["estimate"], before["n"], method)
        assert row["ci_high"] - row["ci_low"] > 1.8 * (before["ci_high"] - before["ci_low"])
    assert grouped["repeated", None]["ci_method"] == "clustered_wilson"
    lengths, grades = np.repeat([100, 200, 300, 400, 500], 12), np.repeat([1, 3, 2, 4, 3], 12)
    texts = answers(["x" * length for length in lengths])
    foreign = control("shuffled", [str(grade) for grade in np.repeat([1, 2], 12)])
    rows = [
        checks("likert", texts, grades.astype(str).tolist(), foreign, group_of=groups) for groups in (group_of, None)
    ]
    assert [each["length", "sft"]["suspicious"] for each in rows] == ["false", "true"]
    assert [each["shuffled", None]["ci_method"] for each in rows] == ["clustered_t", "t"]
    assert rows[0]["length", "sft"]["estimate"] == rows[1]["length", "sft"]["estimate"]
