"""The report page: caveats first, then the decision, and a section for each table of a run."""

import re

import pytest

from clinical_dpo.papers.published import load_published
from clinical_dpo.report.page.page import report_page
from clinical_dpo.report.page.tables import contradiction_rows
from clinical_dpo.statistics import comparisons as significance
from clinical_dpo.statistics.agreement import COLUMNS as AGREEMENT
from tests.conftest import ROOT
from tests.helpers.corrected_rows import corrected_row, pending_row
from tests.helpers.decision_rows import decision_row
from tests.helpers.figure2 import seed_rows, tables
from tests.helpers.report_page import MODELS, TASKS, Page, costs, page, pending
from tests.helpers.trivial_rows import YES_TO_ALL, trivial_rows


def test_caveats_come_first():
    text = page("pending", "synthetic", watermark="demo", ended_in_warmup=["uti, llama, SFT (1 step)"]).text
    caveats = ("demo", "Synthetic data", "Grades awaited", "Hardly trained", "Sensitivity and specificity")
    positions = [text.index(word) for word in caveats]
    assert positions == sorted(positions)
    assert "Proxy grades" not in text


def test_a_run_without_caveats_shows_none():
    clean = page()
    assert not any("caveats" in attributes.get("class", "") for _, attributes in clean.elements)
    assert "Synthetic" not in clean.text and "What is pending" not in clean.text


def test_proxies_are_named_where_grades_are_explained():
    metric_rows, stats_rows = tables()
    rows = [row | {"proxy": "true", "grader": "rouge_likert"} for row in metric_rows]
    text = Page(report_page(metrics=rows, stats=stats_rows, cost=[], tasks=TASKS, models=MODELS)).text
    assert "Proxy grades" in text and "PROXY: overlap of words" in text


def test_a_page_without_costs_has_no_section_about_them():
    metric_rows, stats_rows = tables()
    text = Page(report_page(metrics=metric_rows, stats=stats_rows, cost=[], tasks=TASKS, models=MODELS)).text
    assert "What it cost" not in text


def test_the_page_shows_differences_and_the_smallest_detectable_ones():
    text = page().text
    stats = {(row["model"], row["comparison"]): row for row in tables()[1]}
    significant, not_significant = stats["llama", "sft_vs_base"], stats["mistral", "sft_vs_base"]
    assert f"{100 * significant['effect']:+.1f} points" in text
    assert f"{100 * not_significant['smallest_detectable']:.1f} points" in text


def test_the_page_answers_whether_sft_is_enough_with_margin_and_paper():
    answer = decision_row(sentence="SFT is enough: <so>.", published="no difference shown (0.98 to 0.95, P=.55)")
    other = decision_row(comparison="sft_vs_base", sentence="", published="")
    text = page(decisions=[answer, other]).text
    assert text.count("Llama3 SFT is enough: <so>. Margin: 5 points (default, not set by you). The paper: no") == 1
    assert "The paper" not in page(decisions=[answer | {"published": ""}]).text and "Is SFT enough?" not in page().text


def test_the_decision_is_first_then_sensitivity_then_cost_then_the_rest():
    elements = page(decisions=[decision_row(sentence="Undecided.", published="")], left_out={"b": "c"}).elements
    sections = [attributes["id"] for name, attributes in elements if name == "h2"]
    assert sections == ["enough", "sensitivity", "cost", "compared", "won", "sure", "graded", "pending"]


def test_sensitivity_and_specificity_have_their_intervals():
    text = page().text
    rows = {(row["model"], row["variant"], row["metric"]): row for row in tables()[0]}
    for metric in ("sensitivity", "specificity"):
        values = [rows["llama", variant, metric] for variant in ("base", "sft", "dpo")]
        cells = [f"{row['estimate']:.2f} {row['ci_low']:.2f} to {row['ci_high']:.2f}" for row in values]
        assert f"UTI: {metric} {' '.join(cells)}" in text


def test_a_run_of_other_tasks_says_nothing_of_the_papers():
    """The rows of the table of printed numbers are all of tasks that the run does not have."""
    row = {"study": "savage2025", "task": "reasoning", "agrees": "not comparable (not in this run)"}
    unpublished = [row | {"published_minutes": "", "published_ratio": ""} for row in costs()]
    metric_rows, stats_rows = tables()
    decision = decision_row(sentence="Undecided: no.", published="")
    given = {"metrics": metric_rows, "stats": significance.with_holm(stats_rows), "cost": unpublished}
    text = Page(report_page(**given, decisions=[decision], published=[row], tasks=TASKS, models=MODELS)).text
    assert "Undecided: no." in text and not re.search(r"paper|printed|published|Murphy|Savage", text)


def test_the_page_shows_sample_judge_and_corrected_estimate_side_by_side():
    difference = corrected_row(compared="sft_vs_base", estimate="-0.05", ci_low="-0.14", ci_high="0.03")
    text = page(corrected=[corrected_row(), difference, pending_row(compared="dpo")]).text
    assert "Raters and judge" in text and "Raters and judge" not in page().text
    sft = "SFT 0.69 (0.59 to 0.78) 0.88 (0.84 to 0.91) 0.71 (0.62 to 0.79) judge corrected by the sample 100 of 400 24"
    assert sft in text and "SFT − Base" in text and "−0.05 (−0.14 to +0.03)" in text
    assert "DPO – – – pending 100 of 400 –" in text


def test_the_page_shows_trivial_answers_beside_the_variants_with_sensitivity_and_specificity():
    text = page(trivial=trivial_rows(dpo=YES_TO_ALL)).text
    assert "Against trivial answers" in text and "Against trivial answers" not in page().text
    assert "no model majority label (No UTI) 0.00 0.85 0.88 0.91 0.81 No UTI: 100%" in text
    assert "SFT 0.90 0.85 0.88 0.91 0.81 UTI: 52% better than always UTI: +0.23 (+0.10 to +0.30)" in text
    assert "UTI: 98%, nearly all items not shown to be better than always UTI: +0.23 (−0.05 to +0.30)" in text


def test_the_page_names_decisions_that_depend_on_unreadable_answers():
    row = {"task": "uti", "model": "llama", "compared": "dpo_vs_sft", "unreadable": "12"}
    graded = row | {"rule": "as graded", "decision": "better", "changed": "false"}
    changed = row | {"rule": "left out", "decision": "undecided", "changed": "true"}
    alone = {"rule": "positive", "compared": "dpo", "decision": "", "changed": ""}
    text = page(unreadable=[graded, changed, row | alone]).text
    assert (
        "DPO against SFT: the decision is 'better', but 'undecided' if the 12 unreadable answers are left out." in text
    )
    assert "depend on unreadable" not in page(unreadable=[graded]).text


def test_the_page_says_where_most_answers_cannot_be_read():
    metric_rows, stats_rows = tables()
    rows = [row | ({"invalid_rate": 0.97} if row["variant"] == "base" else {}) for row in metric_rows]
    text = Page(report_page(metrics=rows, stats=stats_rows, cost=[], tasks=TASKS, models=MODELS)).text
    assert (
        "Nothing was measured Most answers of these variants cannot be read, and such answers count as wrong: "
        "Infection <or> not, Llama3, Base (97%)" in text
    )


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_page_says_where_labels_come_from_if_a_model_gives_probabilities(elsewhere):
    metric_rows, stats_rows = tables()
    rows = [row | {"variant": "external", "model": "gpt4"} for row in metric_rows if row["model"] == "llama"]
    rows = metric_rows + ([row for row in rows if row["metric"] == "f1"][:1] if elsewhere else [])
    tasks = {"uti": TASKS["uti"] | {"answer_by": "likelihood"}}
    models = MODELS | {"gpt4": "GPT-4"}
    text = Page(report_page(metrics=rows, stats=stats_rows, cost=[], tasks=tasks, models=models)).text
    assert "the label that follows from the model's probabilities, compared with the label" in text
    assert ("for external answers, the label read from each answer" in text) == elsewhere


def test_the_page_shows_the_cost_beside_the_published_cost():
    text = page().text
    assert "20 (20) 160 (50) 8.0 (2.5) 4.6 40 s 2.0 h" in text and "NVIDIA A100" in text


def test_a_task_trained_once_says_what_is_not_known():
    assert "Trained once: Infection <or> not. It is not known how much another training run would change" in page().text
    assert "Trained once" not in page(seeds=seed_rows()).text


def test_pending_ratings_and_left_out_tasks_are_listed():
    row = {"task": "uti", "model": "llama", "sheet": "correctness", "rater": "Dr <A>"}
    rows = pending(*(row | {"pending": number} for number in "70"))
    text = page("pending", pending_ratings=rows, left_out={"triage": "data/triage.csv is not there"}).text
    assert "Mistral2, DPO: 100 answers to be graded" in text
    assert text.count("Dr <A> owes") == 1 and "owes 7 ratings" in text
    assert "Left out: triage (data/triage.csv is not there)" in text
    assert "send results/uti/llama/grading/correctness.Dr <A>.html (or" in text
    assert "save the returned file as ratings/uti/llama/correctness.Dr <A>.csv" in text


def test_the_page_shows_the_agreement_of_raters():
    row = dict.fromkeys(AGREEMENT, "") | {"task": "uti", "model": "llama", "sheet": "correctness", "raters": "anna ben"}
    row |= {"n": "80", "pending": "0", "data": "real", "status": "complete"}
    kappa = row | {"metric": "cohen_kappa", "estimate": "0.625", "ci_low": "0.5", "ci_high": "0.75"}
    raw, alpha = (row | {"metric": name, "estimate": "0.9"} for name in ("raw_agreement", "krippendorff_alpha"))
    text = page(agreement=[raw, kappa, alpha]).text
    assert "Infection <or> not Llama3 correctness anna, ben 0.62 (0.50 to 0.75) 0.90 – 90% 80" in text
    assert "kappa" in text and "kappa" not in page().text
    icc = row | {"metric": "icc_2_1", "estimate": "-0.125", "ci_low": "-0.25", "ci_high": "0.5", "n": "78"}
    assert (
        "anna, ben 0.90 0.90 −0.12 (−0.25 to 0.50), 78 items – 80"
        in page(agreement=[alpha | {"metric": "quadratic_kappa"}, alpha, icc]).text
    )
    assert "anna, ben – 0.90 – – 80" in page(agreement=[alpha]).text
    assert "anna, ben awaited – – – 80" in page(agreement=[kappa | {"status": "pending", "estimate": ""}]).text


def test_published_numbers_and_contradictions_are_shown():
    row = {"study": "savage2025", "task": "uti", "model": "llama3-8b-instruct", "variant": "sft", "metric": "f1"}
    row |= {"published": "0.98"}
    row |= {"reproduced": "0.9512", "ci_low": "0.91", "ci_high": "0.984", "agrees": "yes", "note": ""}
    not_comparable = row | {"agrees": "not comparable (not in this run)", "reproduced": ""}
    not_comparable |= {"ci_low": "", "ci_high": ""}
    studies = load_published(ROOT / "config/published.yaml")
    text = page(published=[row, not_comparable], contradictions=contradiction_rows(studies)).text
    assert "0.98 0.95 0.91 to 0.98 yes" in text
    assert "1 printed number cannot be compared" in text
    assert "size of the uti set" in text and "700 (Table 1); 800 (Methods, Simple Classification)" in text


def test_training_seeds_have_a_section():
    rows = seed_rows()
    text = page(seeds=rows).text
    by_measure = {(row["model"], row["comparison"], row["measure"]): row for row in rows}
    share = by_measure["llama", "sft_vs_base", "accuracy_difference"]
    score = by_measure["llama", "sft_vs_base", "f1_difference"]
    assert "With other training seeds" in text
    assert f"right answers +{100 * share['effect']:.1f} points (+{100 * share['ci_low']:.1f} to" in text
    assert f"F1 score +{score['effect']:.2f} (+{score['ci_low']:.2f} to +{score['ci_high']:.2f})" in text
    per_seed = [float(value) for value in score["per_seed"].split()]
    assert f"{', '.join(f'{value:+.2f}' for value in per_seed)} seeds 42, 43, 44" in text
    assert "training seeds" not in page().text
