"""The demo as a newcomer meets it, and what it must show. About ten minutes on two cores."""

import csv

import pytest

from tests.helpers.workflow import Project

pytestmark = pytest.mark.slow
MODELS = ("tiny-llama", "tiny-mistral")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    project = Project.copy(tmp_path_factory.mktemp("demo"), "config/demo.yaml")
    return project, project.run()


def headline(project, task):
    """(model, variant) -> row of the task's headline metric."""
    rows = table(project.folder / f"results/demo/{task}/metrics.csv")
    return {(row["model"], row["variant"]): row for row in rows if row["metric"] == rows[0]["metric"]}


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def value(rows, model, variant):
    return float(rows[model, variant]["estimate"])


def test_it_says_where_everything_is_and_is_then_done(demo):
    project, printed = demo
    assert "Figures: reports/demo/figures   Tables: reports/demo/tables" in printed
    assert "results/demo/<task>/stats.csv" in printed
    assert "Nothing to be done" in project.run()


@pytest.mark.parametrize("model", MODELS)
def test_a_simple_rule_is_learned_by_sft(demo, model):
    rows = headline(demo[0], "uti")
    assert 0.4 <= value(rows, model, "base") <= 0.75
    assert 0.9 < value(rows, model, "sft") < 1


@pytest.mark.parametrize("model", MODELS)
def test_dpo_helps_where_answers_are_open(demo, model):
    rows = headline(demo[0], "reasoning")
    assert 0.2 <= value(rows, model, "base") <= 0.6
    assert float(rows[model, "sft"]["ci_low"]) > value(rows, model, "base")
    assert float(rows[model, "dpo"]["ci_low"]) > value(rows, model, "sft")


@pytest.mark.parametrize("model", MODELS)
def test_triage_is_learned_and_kept(demo, model):
    rows = headline(demo[0], "triage_urgency")
    assert 0.4 <= value(rows, model, "base") <= 0.75
    assert 0.85 < value(rows, model, "sft") < 1
    assert value(rows, model, "dpo") >= float(rows[model, "sft"]["ci_low"])


def test_dpo_makes_answers_helpful(demo):
    """Murphy 2024: .81 / .78 / 1.00. The rejected answers are the SFT model's own, evasive ones among them."""
    rows, model = headline(demo[0], "pubmedqa"), "tiny-biomistral"
    assert value(rows, model, "sft") < 0.95
    assert float(rows[model, "dpo"]["ci_low"]) > value(rows, model, "sft")
    rouge = headline(demo[0], "meqsum")
    assert float(rouge[model, "dpo"]["ci_low"]) > value(rouge, model, "sft") > value(rouge, model, "base")


def test_rewards_part_and_a_proxy_is_named(demo):
    folder = demo[0].folder / "results/demo/pubmedqa"
    margins = [row for row in table(folder / "reward_margin.csv") if row["split"] == "eval"]
    assert float(margins[0]["margin"]) == pytest.approx(0, abs=1e-5) and float(margins[0]["ties"]) == 1
    assert float(margins[-1]["margin"]) > 0.1 and margins[-1]["final"] == "true"
    won = table(folder / "win_rate.csv")
    assert [row["rater"] for row in won] == ["proxy (ROUGE-L)"] and won[0]["proxy"] == "true"
    assert float(won[0]["ci_low"]) > 0.5


def test_sheets_wait_for_raters(demo):
    grading = demo[0].folder / "results/demo/reasoning/tiny-llama/grading"
    for rater in ("physician1", "physician2"):
        page = (grading / f"correctness.{rater}.html").read_text()
        assert "tiny-llama" not in page and "dpo" not in page.lower()


@pytest.mark.parametrize(
    "task", ["uti", "reasoning", "summarization", "triage_personnel", "triage_urgency", "pubmedqa", "meqsum"]
)
def test_few_answers_are_invalid(demo, task):
    assert all(float(row["invalid_rate"]) <= 0.05 for row in headline(demo[0], task).values())
