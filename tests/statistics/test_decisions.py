"""Decisions against statsmodels' tests of equivalence, and their error rates and numbers of items by simulation."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import accuracy_score, f1_score
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from clinical_dpo.statistics.comparisons import compare_variants
from clinical_dpo.statistics.decisions import COLUMNS, decide, decisions, items_to_decide
from clinical_dpo.statistics.grouped_grades import with_groups
from clinical_dpo.statistics.headline_differences import headline_difference
from clinical_dpo.statistics.intervals import newcombe_paired, t_interval
from tests.helpers.figure2 import TASK, graded
from tests.helpers.grade_rows import label_rows
from tests.helpers.labelled_answers import CLASSES, drawn

LIKERT = {"name": "s", "metric": "likert", "paired_test": "paired_t", "data": "real", "seed": 1}


@pytest.mark.parametrize(
    ("interval", "inner", "decision"),
    [
        ((-0.04, 0.04), (-0.03, 0.03), "equivalent"),
        ((0.01, 0.06), (0.02, 0.04), "equivalent"),  # a difference is shown, and it is too small to matter
        ((0.01, 0.09), (0.02, 0.08), "better"),
        ((-0.09, -0.01), (-0.08, -0.02), "worse"),
        ((-0.04, 0.09), (-0.03, 0.08), "not inferior"),
        ((-0.09, 0.04), (-0.08, 0.03), "not superior"),
        ((-0.09, 0.09), (-0.08, 0.08), "undecided"),
        ((-0.09, 0.06), (-0.08, 0.05), "undecided"),  # a limit on the margin does not exclude it
        ((None, None), (None, None), "undecided"),
    ],
)
def test_a_decision_follows_both_intervals(interval, inner, decision):
    assert decide(interval, inner, 0.05) == decision


def likert_rows(values):
    return [
        {"id": str(number), "grade": str(value), "grader": "judge", "status": "complete", "proxy": "false"}
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_means_are_equivalent_exactly_where_statsmodels_two_one_sided_tests_reject(alpha):
    random, agreed = np.random.default_rng(5), set()
    for _ in range(60):
        y = random.integers(1, 6, 60).astype(float)
        x = np.clip(y + random.choice([-1, 0, 0, 0, 1], 60) + (random.random(60) < 0.15), 1, 5)
        found = headline_difference(likert_rows(x), likert_rows(y), LIKERT, [1 - alpha, 1 - 2 * alpha], 0.3)
        p, (_, p_low, _), (_, p_high, _) = ttost_paired(x, y, -0.3, 0.3)
        assert found.p_equivalent == pytest.approx(p)
        decision = decide(*found.intervals, 0.3)
        assert (decision == "equivalent") == (p < alpha)
        if decision in ("better", "worse"):
            assert ttest_1samp(x - y, 0).pvalue < alpha
        elif decision != "equivalent":
            assert (decision == "not inferior") == (p_low < alpha) and (decision == "not superior") == (p_high < alpha)
        agreed.add(decision)
    assert len(agreed) >= 3


def test_grades_without_spread_decide_nothing():
    found = headline_difference(likert_rows([4, 4, 4]), likert_rows([3, 3, 3]), LIKERT, [0.95, 0.9], 0.2)
    assert found == (1.0, [(None, None), (None, None)], None)


def test_the_intervals_of_shares_and_f1_are_those_of_the_table_at_their_level():
    grades, task = graded(), TASK | {"seed": 1}
    rows = compare_variants(grades, task, alpha=0.05, family="a")
    for row in rows:
        first, second = row["comparison"].split("_vs_")
        pair = grades[row["model"], first], grades[row["model"], second]
        share = headline_difference(*pair, task | {"metric": "accuracy"}, [0.95], 0.05)
        assert (share.effect, *share.intervals[0]) == (row["effect"], row["effect_ci_low"], row["effect_ci_high"])
        f1 = headline_difference(*pair, task, [0.95], 0.05)
        assert (f1.effect, *f1.intervals[0]) == tuple(
            row[f"secondary_{key}"] for key in ("effect", "ci_low", "ci_high")
        )


@pytest.mark.parametrize("classes", [["yes", "no"], CLASSES])
def test_macro_f1_decides_by_its_difference_and_a_metric_without_an_interval_by_right_answers(classes):
    labels, first = drawn(1, 80, classes)
    second = drawn(2, 80, classes)[1]
    pair = [label_rows(labels, answers) for answers in (first, second)]
    task = {"name": "t", "labels": classes, "seed": 1}
    options = {"labels": classes, "average": "macro"}
    macro = headline_difference(*pair, task | {"metric": "macro_f1"}, [0.95, 0.9], 0.05)
    assert macro.effect == pytest.approx(f1_score(labels, first, **options) - f1_score(labels, second, **options))
    (low, high), (inner_low, inner_high) = macro.intervals
    assert low < inner_low < macro.effect < inner_high < high
    share = headline_difference(*pair, task | {"metric": "accuracy"}, [0.95, 0.9], 0.05)
    for metric in ("balanced_accuracy", "weighted_f1", "quadratic_kappa", "auroc"):
        assert headline_difference(*pair, task | {"metric": metric}, [0.95, 0.9], 0.05) == share
    assert share.effect == pytest.approx(accuracy_score(labels, first) - accuracy_score(labels, second))


def test_decisions_of_labels_have_the_interval_of_macro_f1_in_the_table():
    grades = {("llama", name): label_rows(*drawn(0, 90)) for name in ("base", "sft", "dpo")}
    labels = [row["label"] for row in grades["llama", "base"]]
    grades["llama", "sft"] = label_rows(labels, drawn(0, 90, invalid=0, skill=0.95)[1])
    task = TASK | {"metric": "macro_f1", "labels": CLASSES, "seed": 1}
    del task["positive"], task["negative"]
    margin = {"value": 0.05, "source": "set in the task file", "sha256": "0" * 64}
    stats = compare_variants(grades, task, alpha=0.05, family="a")
    for row, stat in zip(decisions(stats, grades, task, margin), stats, strict=True):
        assert row["metric"] == "macro_f1"
        numbers = [row[key] for key in ("effect", "ci_low", "ci_high")]
        assert numbers == [stat[f"secondary_{key}"] for key in ("effect", "ci_low", "ci_high")]
    kappa = task | {"metric": "quadratic_kappa"}
    for row, stat in zip(decisions(stats, grades, kappa, margin), stats, strict=True):
        assert row["metric"] == "accuracy" and row["effect"] == stat["effect"]
        assert (row["ci_low"], row["ci_high"]) == (stat["effect_ci_low"], stat["effect_ci_high"])


def test_every_comparison_has_a_decision_at_the_level_of_its_family():
    margin = {"value": 0.05, "source": "set in the task file", "sha256": "0" * 64}
    for last, n_pending in (("complete", 0), ("pending", 2)):
        grades, task = graded(last), TASK | {"seed": 1}
        stats = compare_variants(grades, task, alpha=0.05, family="abcde")
        rows = decisions(stats, grades, task, margin)
        assert [list(row) for row in rows] == [list(COLUMNS)] * len(stats)
        assert {(row["level"], row["margin_level"]) for row in rows} == {(0.99, 0.98)}
        waiting = [row for row in rows if row["status"] == "pending"]
        assert len(waiting) == n_pending and all(row["decision"] is row["effect"] is None for row in waiting)
        by_name = {(row["model"], row["comparison"]): row for row in rows}
        assert by_name["llama", "sft_vs_base"]["decision"] == "better"
        undecided = by_name["llama", "dpo_vs_sft"]
        assert undecided["decision"] == "undecided" and undecided["items_to_decide"] > undecided["n"]


def test_items_that_have_not_decided_are_too_few():
    """Seven groups of one item and one of seven: the largest difference, and a skewed interval that holds zero."""
    labels, groups = CLASSES[:2] * 7, [{"id": f"q{i}", "group": f"p{max(i, 6)}"} for i in range(14)]
    wrong = [CLASSES[1 - CLASSES.index(label)] for label in labels]
    answers = {"base": wrong, "sft": labels, "dpo": labels}
    grades = with_groups({("llama", name): label_rows(labels, each) for name, each in answers.items()}, groups)
    task = {"name": "t", "metric": "accuracy", "paired_test": "mcnemar", "labels": CLASSES, "data": "real", "seed": 1}
    margin = {"value": 0.05, "source": "set in the task file", "sha256": "0" * 64}
    stats = compare_variants(grades, task, alpha=0.05, family="ab")
    row = next(row for row in decisions(stats, grades, task, margin) if row["comparison"] == "sft_vs_base")
    limits = row["margin_ci_low"], row["margin_ci_high"]
    assert (row["effect"], row["decision"]) == (1, "undecided")
    assert items_to_decide(1.0, limits, 14, 0.05, 0.025) <= 14 < row["items_to_decide"]


@pytest.mark.parametrize("effect", [0.0, 0.1, 0.2, 0.3])
def test_items_to_decide_are_those_of_the_t_test(effect):
    """Large samples: statsmodels' power of the t test against zero, two-sided, and against the margin, one-sided."""
    alpha, n = 0.01, 2000
    values = np.random.default_rng(2).normal(0, 1, n)
    values += effect - values.mean()
    sd = values.std(ddof=1)
    power = TTestPower().solve_power
    needed = []
    if effect:
        needed.append(power(effect / sd, alpha=alpha, power=0.8))
    if effect < 0.25:
        needed.append(power((0.25 - effect) / sd, alpha=alpha, power=0.8, alternative="larger"))
    found = items_to_decide(effect, t_interval(values, 1 - 2 * alpha), n, 0.25, alpha)
    assert found == pytest.approx(min(needed), rel=0.03)


def test_no_interval_means_no_number_of_items():
    assert items_to_decide(0.1, (None, None), 50, 0.05, 0.05) is None


def draw_tables(random, n, difference, discordance, samples):
    """Counts of pairs (both, first only, second only, neither) of shares that differ by `difference`."""
    first, second = (discordance + difference) / 2, (discordance - difference) / 2
    return random.multinomial(n, [0.6, first, second, 0.4 - discordance], samples)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(("n", "discordance"), [(200, 0.2), (1000, 0.3)])
def test_wrong_decisions_are_as_rare_as_their_level(n, discordance, alpha):
    """At a true difference of the margin, `not superior` is wrong; at none, `better` and `worse` are."""
    random, samples, margin = np.random.default_rng(8), 4000, 0.1
    error = 4 * np.sqrt(alpha * (1 - alpha) / samples) + 0.2 * alpha
    for difference, wrong in ((margin, {"not superior", "equivalent", "worse"}), (0.0, {"better", "worse"})):
        made = [
            decide(newcombe_paired(*table, 1 - alpha), newcombe_paired(*table, 1 - 2 * alpha), margin)
            for table in draw_tables(random, n, difference, discordance, samples).tolist()
        ]
        assert sum(decision in wrong for decision in made) / samples <= alpha + error


@pytest.mark.slow
@pytest.mark.parametrize(("difference", "most"), [(0.0, 0.88), (0.02, 1), (0.06, 1)])
def test_the_stated_number_of_items_decides_in_four_of_five_samples_or_more(difference, most):
    """Between no difference and the margin, either decision counts, so that more samples decide."""
    random, alpha, margin, discordance, n = np.random.default_rng(9), 0.025, 0.08, 0.3, 300
    both = round(0.6 * n)
    first, second = (round(n * (discordance + sign * difference) / 2) for sign in (1, -1))
    table = both, first, second, n - both - first - second
    effect = (first - second) / n
    needed = items_to_decide(effect, newcombe_paired(*table, 1 - 2 * alpha), n, margin, alpha)
    made = [
        decide(newcombe_paired(*each, 1 - alpha), newcombe_paired(*each, 1 - 2 * alpha), margin)
        for each in draw_tables(random, needed, effect, discordance, 2000).tolist()
    ]
    assert 0.77 < np.mean([decision not in ("undecided", "not inferior") for decision in made]) <= most
