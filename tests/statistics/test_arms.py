"""Comparisons of arms are a family of their own: every other number of a study stays as it is without arms."""

import pytest
from statsmodels.stats.multitest import multipletests

from clinical_dpo.statistics.comparisons import compare_variants, with_holm
from clinical_dpo.statistics.decisions import decisions
from clinical_dpo.statistics.rouge_scores import rouge_rows
from clinical_dpo.statistics.symmetry_table import symmetry_table
from clinical_dpo.statistics.training_seeds import compare_seeds
from clinical_dpo.statistics.trivial import compare_trivial
from clinical_dpo.statistics.unreadable import vary_unreadable
from clinical_dpo.variants import ARMS, EXTERNAL, TITLES, compared, sorted_variants
from tests.helpers.figure2 import TASK, graded, label_grades, repeated
from tests.helpers.task_rows import answers_of, task_rows

FACTS = TASK | {"seed": 1}
PLAIN = graded()
WITH_ARMS = PLAIN | {
    (model, arm): label_grades(f"{model} {arm}", 0.7 + 0.1 * number)
    for model in ("llama", "mistral")
    for number, arm in enumerate(ARMS)
}
FAMILY = ["uti", "reasoning"]
ARM_FAMILY = [f"{task}/{arm}_vs_{rival}" for task in FAMILY for arm in ARMS for rival in ("sft", "dpo")]
MARGIN = {"value": 0.05, "source": "task", "sha256": "x"}


def of_arms(rows, column="comparison"):
    return [row for row in rows if row[column].split("_vs_")[0] in ARMS]


def others(rows, column="comparison"):
    return [row for row in rows if row[column].split("_vs_")[0] not in ARMS]


def stats(grades):
    return with_holm(compare_variants(grades, FACTS, alpha=0.05, family=FAMILY, arm_family=ARM_FAMILY))


@pytest.fixture(scope="module")
def rows():
    """The statistics table of the study with arms."""
    return stats(WITH_ARMS)


def test_the_variants_of_a_task_are_in_one_order():
    assert sorted_variants(["dpo_seed43", EXTERNAL, *ARMS[::-1], "dpo", "base", "sft"]) == list(TITLES)
    assert compared(["sft", "base"]) == [("sft", "base")]
    assert compared(ARMS) == []


def test_every_arm_is_compared_with_sft_and_with_dpo(rows):
    assert [(row["model"], row["comparison"]) for row in of_arms(rows)] == [
        (model, f"{arm}_vs_{rival}") for model in ("llama", "mistral") for arm in ARMS for rival in ("sft", "dpo")
    ]


def test_arms_change_no_number_of_another_comparison(rows):
    """Neither a threshold nor a P adjusted over the study."""
    assert others(rows) == stats(PLAIN)


def test_the_comparisons_of_arms_share_alpha(rows):
    for row in of_arms(rows):
        assert row["family_size"] == len(ARM_FAMILY) == len(row["family"].split())
        assert row["threshold"] == 0.05 / len(ARM_FAMILY)
        assert row["p_adjusted"] == pytest.approx(min(1, row["p_value"] * len(ARM_FAMILY)))
        assert row["significant"] == str(row["p_value"] < 0.05 / len(ARM_FAMILY)).lower()


def test_holm_corrects_over_all_comparisons_of_arms_of_a_model(rows):
    tests = [row for row in of_arms(rows) if row["model"] == "llama"]
    absent = [1.0] * (len(ARM_FAMILY) - len(tests))  # of the family's other task
    expected = multipletests([*(row["p_value"] for row in tests), *absent], method="holm")[1]
    assert [row["p_holm"] for row in tests] == pytest.approx(list(expected[: len(tests)]))


def test_holm_over_the_study_corrects_arms_over_all_comparisons_of_arms(rows):
    tests = of_arms(rows)
    expected = multipletests([row["p_value"] for row in tests], method="holm")[1]
    assert [row["p_holm_study"] for row in tests] == pytest.approx(list(expected))


def test_without_a_family_the_arms_of_a_task_share_alpha():
    grades = {key: grades for key, grades in WITH_ARMS.items() if key[0] == "llama"}
    tests = of_arms(compare_variants(grades, FACTS, alpha=0.05, family=FAMILY))
    assert {row["threshold"] for row in tests} == {0.05 / (2 * len(ARMS))}


def test_external_answers_are_compared_with_base_sft_and_dpo_only():
    grades = {key: grades for key, grades in WITH_ARMS.items() if key[0] == "llama"}
    grades["gpt4", EXTERNAL] = label_grades("gpt4", 0.9)
    names = {row["comparison"] for row in stats(grades) if row["comparison"].endswith("_vs_gpt4")}
    assert names == {"base_vs_gpt4", "sft_vs_gpt4", "dpo_vs_gpt4"}


def test_decisions_of_arms_have_the_level_of_their_family(rows):
    text = [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]
    decided = decisions(text, WITH_ARMS, FACTS, MARGIN)
    assert others(decided) == decisions(others(text), PLAIN, FACTS, MARGIN)
    assert {row["level"] for row in of_arms(decided)} == {1 - 0.05 / len(ARM_FAMILY)}
    assert all(row["decision"] for row in of_arms(decided))


def test_the_other_tables_have_the_arms_beside_what_they_had():
    alpha, arm_alpha = 0.05 / len(FAMILY), 0.05 / len(ARM_FAMILY)
    varied = vary_unreadable(WITH_ARMS, FACTS, 0.05, alpha, arm_alpha)
    assert others(varied, "compared") == vary_unreadable(PLAIN, FACTS, 0.05, alpha)
    names = {row["compared"] for row in of_arms(varied, "compared")}
    assert names == {*ARMS, *(f"{arm}_vs_{rival}" for arm in ARMS for rival in ("sft", "dpo"))}
    levels = {row["level"] for row in of_arms(varied, "compared") if row["decision"]}
    assert levels == {1 - 2 * arm_alpha}
    training = ["UTI", "No UTI"] * 10
    trivial = compare_trivial(WITH_ARMS, training, FACTS, alpha)
    assert [row for row in trivial if row["variant"] not in ARMS] == compare_trivial(PLAIN, training, FACTS, alpha)
    assert {row["variant"] for row in trivial} >= set(ARMS)
    labels = {"name": "uti", "data": "real", "labels": ["UTI", "No UTI"]}
    assert others(symmetry_table(WITH_ARMS, labels)) == symmetry_table(PLAIN, labels)
    assert of_arms(symmetry_table(WITH_ARMS, labels))


def test_few_shot_answers_have_no_training_seed():
    grades = PLAIN | repeated() | {(model, "few_shot"): WITH_ARMS[model, "few_shot"] for model in ("llama", "mistral")}
    rows = compare_seeds(grades, FACTS, [42, 43, 44])
    assert others(rows) == compare_seeds(PLAIN | repeated(), FACTS, [42, 43, 44])
    row = next(row for row in rows if row["comparison"] == "few_shot_vs_sft")
    right = {
        name: sum(int(grade["grade"]) for grade in grades["llama", name])
        for name in ("few_shot", "sft", "sft_seed43", "sft_seed44")
    }
    expected = [(right["few_shot"] - right[name]) / 100 for name in ("sft", "sft_seed43", "sft_seed44")]
    assert [float(effect) for effect in row["per_seed"].split()] == pytest.approx(expected)


def test_rouge_compares_an_arm_with_sft():
    rows = task_rows("a cough and a fever", "no pain", "dysuria")
    answers = {name: answers_of("a cough", "no pain", name) for name in ("base", "sft", "dpo", *ARMS)}
    names = {"task": "notes", "model": "llama", "data": "real"}
    table = rouge_rows(rows, answers, names, stemmer=True, seed=1)
    assert {row["variant"]: row["against"] for row in table} == {
        "base": None,
        "sft": "base",
        "dpo": "sft",
        **dict.fromkeys(ARMS, "sft"),
    }
