"""The demo as a newcomer meets it, and what it must show. Ten minutes on two cores."""

import csv

import pytest

from tests.workflow import Project

pytestmark = pytest.mark.slow
MODELS = ("tiny-llama", "tiny-mistral")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    project = Project.copy(tmp_path_factory.mktemp("demo"), "config/demo.yaml")
    return project, project.run()


def headline(project, task):
    """(model, variant) -> row of the task's headline metric."""
    with open(project.folder / f"results/demo/{task}/metrics.csv", newline="") as file:
        table = list(csv.DictReader(file))
    return {(row["model"], row["variant"]): row for row in table if row["metric"] == table[0]["metric"]}


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


@pytest.mark.parametrize("task", ["uti", "reasoning", "summarization", "triage_personnel", "triage_urgency"])
def test_few_answers_are_invalid(demo, task):
    assert all(float(row["invalid_rate"]) <= 0.05 for row in headline(demo[0], task).values())
