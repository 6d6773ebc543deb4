"""Agreement against statsmodels, scikit-learn, published tables and a jackknife."""

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.statistics.agreement import COLUMNS, agreement, cohen_kappa, fleiss_kappa
from clinical_dpo.statistics.clustered import share_interval
from clinical_dpo.statistics.intervals import wilson
from tests.conftest import ROOT
from tests.helpers.rating import rate, sheet

SCHEMA = ROOT / "workflow" / "schemas" / "agreement.schema.yaml"
NAMES = {"task": "reasoning", "model": "llama", "data": "real"}
WORDS = ("correct", "incorrect", "cannot judge")


def expanded(table):
    """The categories of two raters from a square table of counts."""
    pairs = [(str(i), str(j)) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [first for first, _ in pairs], [second for _, second in pairs]


@pytest.mark.parametrize(
    ("table", "printed"),
    [
        ([[88, 14, 18], [10, 40, 10], [2, 6, 12]], 0.492),  # Cohen 1960, Educ Psychol Meas 20:37-46, table 1
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.676),  # Fleiss, Levin & Paik 2003, table 18.1
        ([[106, 10, 4], [22, 28, 10], [2, 12, 6]], 0.429),  # Fleiss, Cohen & Everitt 1969, table 1
    ],
)
def test_cohen_kappa_equals_published_values_and_its_interval_equals_statsmodels(table, printed):
    kappa, interval = cohen_kappa(*expanded(table))
    expected = inter_rater.cohens_kappa(table)
    assert kappa == pytest.approx(printed, abs=5e-4) and kappa == pytest.approx(expected.kappa, abs=1e-12)
    assert interval == pytest.approx((expected.kappa_low, expected.kappa_upp), abs=1e-10)
    assert kappa == pytest.approx(cohen_kappa_score(*expanded(table)))


def test_cohen_kappa_equals_both_libraries_on_random_categories_and_is_symmetric():
    generator = np.random.default_rng(3)
    for _ in range(20):
        first = generator.choice(WORDS, 40).tolist()
        second = [word if generator.random() < 0.6 else str(generator.choice(WORDS)) for word in first]
        table, _ = inter_rater.to_table(
            np.array([[WORDS.index(word) for word in rater] for rater in (first, second)]).T
        )
        kappa, interval = cohen_kappa(first, second)
        expected = inter_rater.cohens_kappa(table)
        assert (kappa, *interval) == pytest.approx((expected.kappa, expected.kappa_low, expected.kappa_upp), abs=1e-10)
        assert kappa == pytest.approx(cohen_kappa_score(first, second))
        assert (kappa, *interval) == pytest.approx((cohen_kappa(second, first)[0], *cohen_kappa(second, first)[1]))


def test_kappa_and_interval_are_none_if_not_defined():
    assert (
        cohen_kappa([], []) == cohen_kappa(["a"], ["a"]) == fleiss_kappa([["a", "a", "a"]] * 3) == (None, (None, None))
    )
    assert cohen_kappa(["a", "b"], ["a", "b"]) == (1, (None, None))
    kappa, interval = fleiss_kappa([["a"] * 3, ["b"] * 3])
    assert kappa == pytest.approx(1) and interval == (None, None)


# Fleiss' kappa, a well-known worked example: 14 raters, 10 subjects, 5 categories; kappa .210.
COUNTS = [
    *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
    *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
]


def words_of(counts):
    return [[str(word) for word, times in enumerate(item) for _ in range(times)] for item in counts]


def test_fleiss_kappa_equals_the_published_value_and_statsmodels():
    kappa, (low, high) = fleiss_kappa(words_of(COUNTS))
    assert kappa == pytest.approx(0.210, abs=5e-4)
    assert kappa == pytest.approx(inter_rater.fleiss_kappa(COUNTS), abs=1e-12)
    assert low < kappa < high


def test_the_interval_of_fleiss_kappa_agrees_with_a_jackknife():
    generator = np.random.default_rng(5)
    truth = generator.integers(0, 3, 300)
    votes = [[str(t if generator.random() < 0.7 else generator.integers(0, 3)) for _ in range(3)] for t in truth]
    kappa, (low, high) = fleiss_kappa(votes)
    left_out = [fleiss_kappa(votes[:i] + votes[i + 1 :])[0] for i in range(len(votes))]
    se = (np.var(left_out) * (len(votes) - 1)) ** 0.5
    assert (high - low) / 2 / 1.959964 == pytest.approx(se, rel=0.02)
    assert (low + high) / 2 == pytest.approx(kappa)


def measured(tmp_path, kind, words, group_of=None):
    key = sheet(kind, raters=tuple(words))[1]
    files = {rater: rate(tmp_path / f"{kind}.{rater}.csv", key, rater, ratings) for rater, ratings in words.items()}
    return agreement(key, collect_ratings(key, files), NAMES, group_of)


def test_two_raters_of_a_sheet(tmp_path):
    first = ["correct"] * 10 + ["incorrect"] * 10 + ["cannot judge"] * 2
    second = ["correct"] * 9 + ["incorrect"] * 12 + ["cannot judge"]
    rows = {row["metric"]: row for row in measured(tmp_path, "correctness", {"r1": first, "r2": second})}
    assert list(rows) == ["raw_agreement", "cohen_kappa", "krippendorff_alpha", "adjudicated_share"]
    assert rows["raw_agreement"]["estimate"] == 20 / 22
    assert (rows["raw_agreement"]["ci_low"], rows["raw_agreement"]["ci_high"]) == wilson(20, 22)
    assert rows["cohen_kappa"]["estimate"] == pytest.approx(cohen_kappa_score(first, second))
    # Two items differ, and one item neither rater could judge.
    assert rows["adjudicated_share"]["estimate"] == 3 / 22
    assert {row["status"] for row in rows.values()} == {"complete"} and rows["cohen_kappa"]["n"] == 22


def test_three_raters_have_pairs_and_fleiss(tmp_path):
    words = {"r1": list(WORDS) * 7 + ["correct"], "r2": ["correct"] * 22, "r3": list(WORDS) * 7 + ["incorrect"]}
    rows = measured(tmp_path, "correctness", words)
    assert [row["raters"] for row in rows if row["metric"] == "cohen_kappa"] == ["r1 r2", "r1 r3", "r2 r3"]
    counts = [[list(item).count(word) for word in WORDS] for item in zip(*words.values(), strict=True)]
    (fleiss,) = (row for row in rows if row["metric"] == "fleiss_kappa")
    assert fleiss["estimate"] == pytest.approx(inter_rater.fleiss_kappa(counts)) and fleiss["raters"] == "r1 r2 r3"
    alphas = {row["raters"]: row["estimate"] for row in rows if row["metric"] == "krippendorff_alpha"}
    assert list(alphas) == ["r1 r2", "r1 r3", "r2 r3", "r1 r2 r3"]
    # Without missing ratings alpha is Fleiss' kappa with a correction for small samples (Krippendorff 2019, ch. 12).
    assert 1 - alphas["r1 r2 r3"] == pytest.approx((1 - fleiss["estimate"]) * (1 - 1 / 66))


def test_raters_of_a_preference_sheet_agree_on_the_variant_not_on_the_side(tmp_path):
    key = sheet("preference")[1]
    side = {
        rater: ["A" if row["A"] == "dpo" else "B" for row in key if row["rater"] == rater and row["shown"] == "true"]
        for rater in ("r1", "r2")
    }
    assert side["r1"] != side["r2"]
    rows = {row["metric"]: row for row in measured(tmp_path, "preference", side)}
    assert rows["raw_agreement"]["estimate"] == 1 and rows["raw_agreement"]["n"] == 6
    assert rows["cohen_kappa"]["estimate"] is None  # a single category throughout


def test_pending_ratings_leave_the_numbers_empty_and_rows_follow_the_schema(tmp_path):
    validator = Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    pending = measured(tmp_path, "correctness", {"r1": ["correct"] * 22, "r2": ["correct"] * 20})
    assert all(row["status"] == "pending" and row["estimate"] is row["ci_method"] is None for row in pending)
    assert {(row["n"], row["pending"]) for row in pending} == {(20, 2)}
    complete = measured(tmp_path, "correctness", {"r1": ["correct"] * 22, "r2": ["correct", "incorrect"] * 11})
    for row in pending + complete:
        assert tuple(row) == COLUMNS == tuple(validator.schema["properties"])
        validator.validate(row)
    assert measured(tmp_path, "correctness", {"r1": ["correct"] * 22}) == []


def test_with_groups_every_interval_counts_groups(tmp_path):
    validator = Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    draw = np.random.default_rng(9)
    words = {rater: draw.choice(WORDS, 22, p=[0.6, 0.3, 0.1]).tolist() for rater in ("r1", "r2", "r3")}
    group_of = {f"medqa-row-{number}": f"p{number // 2}" for number in range(8)}
    independent, grouped = measured(tmp_path, "correctness", words), measured(tmp_path, "correctness", words, group_of)
    for row, before in zip(grouped, independent, strict=True):
        validator.validate(row)
        assert row["ci_low"] < row["estimate"] < row["ci_high"]
        method = "clustered_wilson" if before["ci_method"] == "wilson" else "clustered_jackknife"
        assert row == before | {name: row[name] for name in ("ci_low", "ci_high")} | {"ci_method": method}
    assert len(grouped) == 12
    key = sheet("correctness", raters=tuple(words))[1]
    items = [row for row in key if row["rater"] == "r1"]
    groups = np.unique([group_of[row["row_id"]] for row in items], return_inverse=True)[1]
    agreed = np.array([first == second for first, second in zip(words["r1"], words["r2"], strict=True)], dtype=float)
    assert (grouped[0]["ci_low"], grouped[0]["ci_high"]) == share_interval(agreed, np.ones(22), groups)[0]


def test_groups_of_one_item_are_independent_items(tmp_path):
    key = sheet("preference")[1]
    words = {rater: ["A", "B", "tie"] * 2 for rater in ("r1", "r2")}
    group_of = {row["row_id"]: row["row_id"] for row in key}
    assert measured(tmp_path, "preference", words, group_of) == measured(tmp_path, "preference", words)
