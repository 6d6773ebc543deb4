"""ROUGE by hand, helpfulness and reward margin by their formulas, and a run's tables beside those of Murphy 2024."""

import pytest
from scipy import stats

from clinical_dpo.errors import UserError
from clinical_dpo.grading.rouge import rouge
from clinical_dpo.papers.published import load_published
from clinical_dpo.papers.tables import ROUGE, TABLE_1, beside_published, columns, measured
from clinical_dpo.statistics import helpfulness, reward_margin, rouge_scores
from clinical_dpo.statistics.comparisons import compare_variants
from clinical_dpo.statistics.helpfulness import helpfulness_rows
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.reward_margin import margin_rows
from clinical_dpo.statistics.rouge_scores import rouge_rows
from tests.conftest import ROOT
from tests.helpers.grade_rows import grade_rows
from tests.helpers.task_rows import answers_of, task_rows

NAMES = {"task": "meqsum", "model": "m", "data": "real"}


def test_rouge_by_hand():
    """`the cat sat` against `the cat ate fish`: 2 of 3 and 2 of 4 words, 1 of 2 and 1 of 3 pairs, a sequence of 2."""
    scores = rouge(["the cat sat"], ["the cat ate fish"], stemmer=False)[0]
    assert scores["rouge1", "precision"] == pytest.approx(2 / 3) and scores["rouge1", "recall"] == pytest.approx(2 / 4)
    assert scores["rouge1", "f1"] == pytest.approx(2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2))
    assert scores["rouge2", "precision"] == pytest.approx(1 / 2) and scores["rouge2", "recall"] == pytest.approx(1 / 3)
    assert scores["rougeL", "f1"] == pytest.approx(4 / 7)


def test_the_longest_common_subsequence_may_have_gaps():
    scores = rouge(["police kill the gunman"], ["police killed the gunman"], stemmer=False)[0]
    assert scores["rougeL", "f1"] == pytest.approx(3 / 4)  # Lin 2004, section 3.1
    assert rouge(["police kill the gunman"], ["police killed the gunman"])[0]["rougeL", "f1"] == 1


ROUGE_ROWS = task_rows("a b c d", "e f g h", "i j k l", "m n o p")
ROUGE_ANSWERS = {
    "base": answers_of("a x y z", "e x y z", "x", ""),
    "sft": answers_of("a b y z", "e f y z", "i x", "m n o p"),
    "dpo": answers_of("a b c d", "e f g h", "i j", "m n o p"),
}


def test_rouge_table_compares_sft_with_base_and_dpo_with_sft():
    table = rouge_rows(ROUGE_ROWS, ROUGE_ANSWERS, NAMES, stemmer=True, seed=1)
    assert len(table) == 3 * 9 and all(set(row) == set(rouge_scores.COLUMNS) for row in table)
    row = next(row for row in table if (row["variant"], row["kind"], row["score"]) == ("sft", "rouge1", "recall"))
    base, sft = [1 / 4, 1 / 4, 0, 0], [2 / 4, 2 / 4, 1 / 4, 1]
    assert row["estimate"] == pytest.approx(sum(sft) / 4) and row["against"] == "base"
    assert row["p_value"] == pytest.approx(stats.ttest_rel(sft, base).pvalue)
    assert row["ci_low"] < row["estimate"] < row["ci_high"] and row["difference"] == pytest.approx(0.4375)
    assert {row["against"] for row in table if row["variant"] == "dpo"} == {"sft"}


def test_rouge_of_groups_has_the_limits_and_p_of_the_items_that_are_repeated():
    """Every item twice, in groups of two: standard error and degrees of freedom are those of the single items."""
    rows = task_rows("a b c d", "e f g h", "i j k l", "m n o p", "a b c d", "e f g h", "i j k l", "m n o p")
    grouped = [row | {"group": f"patient {index % 4}"} for index, row in enumerate(rows)]
    answers = {
        "base": answers_of("a x y z", "e x y z", "x", "", "a x y z", "e x y z", "x", ""),
        "sft": answers_of("a b y z", "e f y z", "i x", "m n o p", "a b y z", "e f y z", "i x", "m n o p"),
    }
    single = rouge_rows(
        ROUGE_ROWS, {name: ROUGE_ANSWERS[name] for name in ("base", "sft")}, NAMES, stemmer=True, seed=1
    )
    twice = rouge_rows(grouped, answers, NAMES, stemmer=True, seed=1)
    shown = ("difference", "difference_ci_low", "difference_ci_high", "p_value")
    for one, both in zip(single, twice, strict=True):
        assert [both[name] for name in shown] == pytest.approx([one[name] for name in shown])
    sft = next(row for row in twice if (row["variant"], row["kind"], row["score"]) == ("sft", "rouge1", "recall"))
    values = [2 / 4, 2 / 4, 1 / 4, 1]
    low, high = stats.t.interval(0.95, 3, loc=sum(values) / 4, scale=stats.sem(values))
    assert (sft["ci_low"], sft["ci_high"]) == pytest.approx((low, high))


def test_rouge_of_answers_to_other_items_is_refused():
    answers = ROUGE_ANSWERS | {"dpo": ROUGE_ANSWERS["dpo"][:3]}
    with pytest.raises(UserError, match=r"answers of dpo: .* \['q3'\]"):
        rouge_rows(ROUGE_ROWS, answers, NAMES, stemmer=True, seed=1)


def test_helpfulness_is_the_share_of_answers_that_are_not_evasive():
    """Murphy 2024, eq. 1: of 10 answers 3 are evasive, HQ is .7. The Wilson interval is that of Newcombe 1998."""
    evasive = {"grade": "0", "parsed": "refusal: cannot say"}
    grades = {
        ("m", variant): [row | evasive for row in helpful[:n]] + helpful[n:]
        for variant, n in (("base", 3), ("sft", 4), ("dpo", 0))
        for helpful in [grade_rows([1] * 10, grader="evasiveness")]
    }
    task = {"name": "pubmedqa", "metric": "helpfulness", "paired_test": "mcnemar", "data": "real", "seed": 1}
    metrics = task_metrics(grades, task)
    table = helpfulness_rows(metrics, compare_variants(grades, task, alpha=0.05, family=["pubmedqa"]), grades, "v1")
    base, sft, dpo = table
    assert (base["hq"], base["n"], base["n_evasive"], base["reasons"]) == (0.7, 10, 3, "refusal 3")
    z = stats.norm.ppf(0.975)
    middle = (0.7 + z**2 / 20) / (1 + z**2 / 10)
    half_width = z / (1 + z**2 / 10) * (0.7 * 0.3 / 10 + z**2 / 400) ** 0.5
    assert (base["ci_low"], base["ci_high"]) == pytest.approx((middle - half_width, middle + half_width))
    assert dpo["p_vs_sft"] == pytest.approx(2 * 0.5**4) and dpo["p_vs_base"] == pytest.approx(2 * 0.5**3)
    assert sft["p_vs_base"] == 1 and base["p_vs_base"] is None
    assert all(set(row) == set(helpfulness.COLUMNS) for row in table)


def logged(split, step, margin, ties="0.25"):
    values = {"rewards/chosen": str(margin / 2), "rewards/rejected": str(-margin / 2), "rewards/margins": str(margin)}
    return {
        "step": str(step),
        "epoch": "0.5",
        "split": split,
        "rewards/accuracies": "0.75",
        "rewards/ties": ties,
    } | values


def test_a_reward_margin_has_a_log_ratio_gap_in_nats():
    """The paper's margin of about 11 at beta .01 is a log-ratio gap of 1,100 nats."""
    log = [logged("eval", 0, 0.0), logged("train", 10, 4.0), logged("train", 20, 9.0), logged("eval", 20, 11.0)]
    table = margin_rows(log, 0.01, {"task": "pubmedqa", "model": "m", "trial": "lr5e-06_beta0.01", "data": "real"})
    assert all(set(row) == set(reward_margin.COLUMNS) for row in table)
    last = table[-1]
    assert last["log_ratio_gap"] == pytest.approx(1100) and last["final"] == "true" and last["ties"] == "0.25"
    assert [(row["split"], row["final"]) for row in table] == [
        *(("train", "false"), ("train", "true"), ("eval", "false"), ("eval", "true"))
    ]


def test_a_runs_table_has_the_published_numbers_of_murphy_beside_it():
    published = load_published(ROOT / "config/published.yaml")
    shared = {
        "task": "pubmedqa",
        "model": "tiny",
        "n": "200",
        "data": "synthetic",
        "proxy": "false",
        "status": "complete",
    }
    interval = {"ci_low": "0.7", "ci_high": "0.8"}
    metrics = [shared | interval | {"variant": "sft", "metric": "helpfulness", "estimate": "0.775"}]
    win = shared | {"comparison": "dpo_vs_sft", "rater": "pooled", "rate": "0.6", "ci_low": "0.5", "ci_high": "0.7"}
    win |= {"wins": "60", "losses": "40"}
    margin = {
        "task": "pubmedqa",
        "model": "tiny",
        "split": "eval",
        "final": "true",
        "margin": "9.5",
        "beta": "0.01",
        "log_ratio_gap": "950.0",
        "data": "synthetic",
    }
    ours = measured(metrics, [], [win, win | {"rater": "anna", "rate": "0.1"}], [margin, margin | {"final": "false"}])
    table = beside_published(ours, published["murphy2024"]["entries"], "pubmedqa", TABLE_1, {"tiny": "biomistral-7b"})
    sft, dpo = table
    assert list(sft) == columns(TABLE_1)
    assert (sft["helpfulness"], sft["helpfulness_published"], sft["helpfulness_note"]) == (
        "0.775",
        "0.78",
        "synthetic data",
    )
    assert sft["win_rate"] == pytest.approx(0.4) and sft["win_rate_ci_low"] == pytest.approx(0.3)
    assert (dpo["win_rate"], dpo["win_rate_published"], dpo["reward_margin"]) == ("0.6", "0.63", "9.5")
    assert sft["win_rate_n"] == dpo["win_rate_n"] == 100  # of 200 items; the rest are ties
    assert (dpo["reward_margin_published"], dpo["reward_margin_note"]) == ("11", "synthetic data; beta 0.01, 950 nats")


def test_published_rouge_is_that_of_the_paper():
    published = load_published(ROOT / "config/published.yaml")["murphy2024"]["entries"]
    row = {
        "task": "meqsum",
        "model": "biomistral-7b",
        "variant": "dpo",
        "kind": "rougeL",
        "score": "f1",
        "data": "real",
        "estimate": "0.3",
    }
    table = beside_published(measured([], [row], [], []), published, "meqsum", ROUGE, {})
    assert table[0]["rouge_l_f1"] == "0.3" and table[0]["rouge_l_f1_published"] == "0.34"
    assert table[0]["rouge_2_recall"] == "" and table[0]["rouge_2_recall_published"] == "0.24"
