"""The effects that the demo must show."""

import pytest

from tests.helpers.workflow import rows

pytestmark = pytest.mark.slow
MODELS = ("tiny-llama", "tiny-mistral")


def headline(project, task):
    """(model, variant) -> row of the task's headline metric."""
    table = rows(project.folder / f"results/demo/{task}/metrics.csv")
    return {(row["model"], row["variant"]): row for row in table if row["metric"] == table[0]["metric"]}


def value(metrics, model, variant):
    return float(metrics[model, variant]["estimate"])


def test_the_demo_prints_where_its_results_are_and_is_complete(demo):
    project, printed = demo
    assert "Figures: reports/demo/figures   Tables: reports/demo/tables" in printed
    assert "results/demo/<task>/stats.csv" in printed
    assert "Nothing to be done" in project.run()


@pytest.mark.parametrize("model", MODELS)
def test_sft_learns_a_simple_rule(demo, model):
    metrics = headline(demo[0], "uti")
    assert 0.4 <= value(metrics, model, "base") <= 0.75
    assert 0.9 < value(metrics, model, "sft") < 1


@pytest.mark.parametrize("model", MODELS)
def test_dpo_improves_open_answers(demo, model):
    metrics = headline(demo[0], "reasoning")
    assert 0.2 <= value(metrics, model, "base") <= 0.6
    assert float(metrics[model, "sft"]["ci_low"]) > value(metrics, model, "base")
    assert float(metrics[model, "dpo"]["ci_low"]) > value(metrics, model, "sft")


@pytest.mark.parametrize("model", MODELS)
def test_sft_learns_triage_and_dpo_keeps_it(demo, model):
    metrics = headline(demo[0], "triage_urgency")
    assert 0.4 <= value(metrics, model, "base") <= 0.75
    assert 0.85 < value(metrics, model, "sft") < 1
    assert value(metrics, model, "dpo") >= float(metrics[model, "sft"]["ci_low"])


def test_dpo_makes_answers_more_helpful(demo):
    """Murphy 2024: .81 / .78 / 1.00. The rejected answers are the SFT model's, evasive answers among them."""
    metrics, model = headline(demo[0], "pubmedqa"), "tiny-biomistral"
    assert value(metrics, model, "sft") < 0.95
    assert float(metrics[model, "dpo"]["ci_low"]) > value(metrics, model, "sft")


def test_dpo_improves_summaries_of_questions(demo):
    metrics, model = headline(demo[0], "meqsum"), "tiny-biomistral"
    assert float(metrics[model, "dpo"]["ci_low"]) > value(metrics, model, "sft") > value(metrics, model, "base")


def test_the_reward_margin_grows_from_zero(demo):
    table = rows(demo[0].folder / "results/demo/pubmedqa/reward_margin.csv")
    margins = [row for row in table if row["split"] == "eval"]
    assert float(margins[0]["margin"]) == pytest.approx(0, abs=1e-5) and float(margins[0]["ties"]) == 1
    assert float(margins[-1]["margin"]) > 0.1 and margins[-1]["final"] == "true"


def test_the_win_rate_names_its_proxy(demo):
    table = rows(demo[0].folder / "results/demo/pubmedqa/win_rate.csv")
    assert [row["rater"] for row in table] == ["proxy (ROUGE-L)"] and table[0]["proxy"] == "true"
    assert float(table[0]["ci_low"]) > 0.5


def test_sheets_for_raters_name_neither_model_nor_variant(demo):
    grading = demo[0].folder / "results/demo/reasoning/tiny-llama/grading"
    for rater in ("physician1", "physician2"):
        page = (grading / f"correctness.{rater}.html").read_text()
        assert "tiny-llama" not in page and "dpo" not in page.lower()


@pytest.mark.parametrize(
    "task", ["uti", "reasoning", "summarization", "triage_personnel", "triage_urgency", "pubmedqa", "meqsum"]
)
def test_few_answers_are_invalid(demo, task):
    assert all(float(row["invalid_rate"]) <= 0.05 for row in headline(demo[0], task).values())


def test_ordered_labels_are_learned_with_probabilities(demo):
    levels = headline(demo[0], "triage_levels")
    assert value(levels, "tiny-llama", "base") <= 0.4
    assert float(levels["tiny-llama", "sft"]["ci_low"]) > float(levels["tiny-llama", "base"]["ci_high"])
    metrics = rows(demo[0].folder / "results/demo/triage_levels/metrics.csv")
    found = {(row["variant"], row["metric"]): row["estimate"] for row in metrics if not row["positive_class"]}
    assert float(found["sft", "auroc"]) > 0.7 and float(found["sft", "quadratic_kappa"]) > 0.4
    assert float(found["sft", "ece"]) < float(found["base", "ece"])
