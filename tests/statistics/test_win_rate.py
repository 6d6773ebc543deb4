"""Win rates against scipy and statsmodels: of one rater, pooled, pending, and of a proxy."""

import pytest
import yaml
from jsonschema import Draft202012Validator
from rouge_score.rouge_scorer import RougeScorer
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.grading.raters.sheets import key_rows
from clinical_dpo.statistics.win_rate import COLUMNS, POOLED, PROXY, proxy_ratings, win_rates
from tests.conftest import ROOT
from tests.helpers.rating import rate, sheet

SCHEMA = ROOT / "workflow" / "schemas" / "win_rate.schema.yaml"
NAMES = {"task": "pubmedqa", "model": "biomistral", "data": "synthetic"}


def measured(tmp_path, choices, n=8, **options):
    """Win rates of raters. A choice is a variant, tie, cannot judge, or None for a pending rating."""
    key = sheet("preference", raters=tuple(choices), n=n)[1]
    files = {}
    for rater, rater_choices in choices.items():
        shown = [row for row in key if row["rater"] == rater and row["shown"] == "true"]
        ratings = [
            {row["A"]: "A", row["B"]: "B"}.get(choice, choice)
            for row, choice in zip(shown, rater_choices, strict=False)
        ]
        files[rater] = rate(tmp_path / f"preference.{rater}.csv", key, rater, ratings)
    rows = win_rates(key, collect_ratings(key, files), NAMES, **options)
    return {row["rater"]: row for row in rows}


def test_one_rater_against_scipy_and_statsmodels(tmp_path):
    choices = ["dpo"] * 19 + ["sft"] * 7 + ["tie"] * 3 + ["cannot judge"]
    row = measured(tmp_path, {"r1": choices}, n=40)["r1"]
    assert (row["wins"], row["losses"], row["ties"], row["cannot_judge"], row["identical"]) == (19, 7, 13, 1, 10)
    assert row["n"] == 40 and row["comparison"] == "dpo_vs_sft" and row["rate"] == 19 / 26
    assert row["p_value"] == pytest.approx(2 * stats.binom.sf(18, 26, 0.5))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(proportion_confint(19, 26, method="beta"))
    assert row["rate_ties_half"] == (19 + 6.5) / 39


def test_items_of_a_group_count_as_one_where_they_agree(tmp_path):
    """Every item three times: in groups of three, P is McNemar's of the single items, with (K - 1) / K."""
    choices, single = ["dpo"] * 57 + ["sft"] * 21 + ["tie"] * 12, ["dpo"] * 19 + ["sft"] * 7 + ["tie"] * 4
    key = sheet("preference", raters=("r1",), n=120)[1]
    shown = [row["row_id"] for row in key if row["shown"] == "true"]
    group_of = {row_id: f"patient {index // 3}" for index, row_id in enumerate(shown)}
    alone = measured(tmp_path, {"r1": choices}, n=120)["r1"]
    grouped = measured(tmp_path, {"r1": choices}, n=120, group_of=group_of)["r1"]
    assert grouped["rate"] == alone["rate"] == 19 / 26
    k = len(single)
    assert grouped["p_value"] == pytest.approx(stats.chi2.sf((k - 1) / k * (19 - 7) ** 2 / (19 + 7), 1))
    assert grouped["p_value"] > alone["p_value"]
    assert grouped["ci_low"] < alone["ci_low"] < alone["ci_high"] < grouped["ci_high"]
    assert (grouped["ci_low"] > 0.5) == (grouped["p_value"] < 0.05)


def test_groups_of_one_item_change_nothing(tmp_path):
    choices = {"r1": ["dpo"] * 4 + ["sft"] * 2}
    rows = sheet("preference", raters=("r1",), n=8)[1]
    group_of = {row["row_id"]: row["row_id"] for row in rows}
    assert measured(tmp_path, choices, group_of=group_of) == measured(tmp_path, choices)


def test_clopper_pearson_interval_equals_a_published_interval(tmp_path):
    # 81 of 263: Newcombe 1998, Stat Med 17:857-872, table I, exact: .2527 to .3676.
    row = measured(tmp_path, {"r1": ["dpo"] * 81 + ["sft"] * 182}, n=351)["r1"]
    assert row["wins"] + row["losses"] == 263
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.2527, 0.3676), abs=5e-5)


def test_identical_pairs_are_ties_unless_they_are_not_counted(tmp_path):
    choices = {"r1": ["dpo"] * 4 + ["sft"] * 2}
    counted, left_out = measured(tmp_path, choices)["r1"], measured(tmp_path, choices, count_identical=False)["r1"]
    assert (counted["n"], counted["ties"], counted["identical"]) == (8, 2, 2)
    assert (left_out["n"], left_out["ties"], left_out["identical"]) == (6, 0, 2)
    assert counted["rate"] == left_out["rate"] == left_out["rate_ties_half"] == 4 / 6
    assert counted["rate_ties_half"] == 5 / 8


def test_an_item_counts_once_when_raters_are_pooled(tmp_path):
    rows = measured(
        tmp_path,
        {
            "r1": ["dpo", "dpo", "dpo", "dpo", "cannot judge", "tie"],
            "r2": ["dpo", "sft", "tie", "cannot judge", "cannot judge", "tie"],
        },
    )
    pooled = rows[POOLED]
    # The items: both prefer dpo, split, split, only one can judge, nobody can, both tie; and two identical pairs.
    assert (pooled["wins"], pooled["losses"], pooled["ties"], pooled["cannot_judge"]) == (2, 0, 5, 1)
    three = measured(tmp_path, {"r1": ["dpo"] * 6, "r2": ["sft"] * 6, "r3": ["dpo", "sft", "tie"] * 2})[POOLED]
    assert (three["wins"], three["losses"], three["ties"]) == (2, 2, 4)


def test_a_single_rater_and_the_pooled_row_agree(tmp_path):
    alone = measured(tmp_path, {"r1": ["dpo", "sft", "tie", "dpo", "cannot judge", "dpo"]})
    assert {**alone["r1"], "rater": POOLED} == alone[POOLED]


def test_pending_ratings_leave_the_numbers_empty(tmp_path):
    rows = measured(tmp_path, {"r1": ["dpo"] * 6, "r2": ["sft", None, "dpo"]})
    assert rows["r1"]["status"] == "complete" and rows["r1"]["rate"] == 1
    for rater in ("r2", POOLED):
        assert (rows[rater]["status"], rows[rater]["pending"], rows[rater]["n"]) == ("pending", 4, 8)
        assert rows[rater]["rate"] is rows[rater]["wins"] is rows[rater]["p_value"] is None


def test_without_wins_and_losses_the_rate_is_empty(tmp_path):
    row = measured(tmp_path, {"r1": ["tie"] * 6})["r1"]
    assert row["status"] == "complete" and row["rate"] is row["p_value"] is row["ci_low"] is None
    assert row["rate_ties_half"] == 0.5 and row["ties"] == 8


def test_the_proxy_prefers_the_higher_rouge_l_and_has_no_pooled_row():
    items, _ = sheet("preference", n=40)
    ratings = proxy_ratings(items, "preference")
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    by_id = {row["item_id"]: row for row in ratings}
    for item in items:
        if len(item.answers) == 1:
            assert item.item_id not in by_id
            continue
        dpo, sft = (scorer.score(item.reference, text)["rougeL"].fmeasure for text in item.answers)
        assert by_id[item.item_id]["choice"] == ("dpo" if dpo > sft else "sft" if sft > dpo else "tie")
    key = key_rows(items, "preference", "preference", [PROXY], "")
    (row,) = win_rates(key, ratings, NAMES)
    assert (row["rater"], row["proxy"], row["status"], row["pending"]) == (PROXY, "true", "complete", 0)
    assert row["n"] == 40 and row["identical"] == 10


def test_rows_keep_to_the_schema(tmp_path):
    validator = Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    rows = [*measured(tmp_path, {"r1": ["dpo"] * 6, "r2": ["sft"]}).values()]
    rows += measured(tmp_path, {"r1": ["tie"] * 6}).values()
    for row in rows:
        assert tuple(row) == COLUMNS == tuple(validator.schema["properties"])
        validator.validate(row)
