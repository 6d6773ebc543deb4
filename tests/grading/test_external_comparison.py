"""External answers are compared with the trained variants, drawn and named beside them."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from scipy.stats import binomtest, ttest_rel

from clinical_dpo.grading import grade as grading
from clinical_dpo.grading.external import imported_answers, imported_grades
from clinical_dpo.io import read_csv, read_jsonl, write_csv, write_json, write_jsonl
from clinical_dpo.report.figures import figure2
from clinical_dpo.report.page.page import report_page
from clinical_dpo.report.summary import summary
from clinical_dpo.statistics import comparisons as significance
from clinical_dpo.statistics import metrics
from tests.conftest import ROOT
from tests.helpers.configs import external_entry
from tests.helpers.external_answers import COLUMNS, LABELS, TABLE, TEST, answers, table_rows, written_and_read
from tests.helpers.grade_rows import grade_rows
from tests.helpers.report_page import Page
from tests.helpers.svg import words
from tests.helpers.task_rows import answers_of

TASK = {"name": "uti", "metric": "f1", "paired_test": "mcnemar", "positive": "UTI", "negative": "No UTI"}
TASK |= {"data": "real", "seed": 1}
TITLES = {"llama": "Llama3", "mistral": "Mistral2", "gpt4": "GPT-4"}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Metrics and comparisons of two models and of GPT-4, through the files of a run."""
    folder = tmp_path_factory.mktemp("run")
    wrong = {  # of 20 items
        ("llama", "base"): range(12),
        ("llama", "sft"): range(2),
        ("llama", "dpo"): [19],
        **{("mistral", variant): range(5, 9) for variant in ("base", "sft", "dpo")},
        ("gpt4", "external"): range(8),
    }
    files = []
    for (model, variant), numbers in wrong.items():
        table = written_and_read(folder / "table.csv", table_rows(answers(numbers)))
        rows = imported_answers(table, TEST, COLUMNS, "f1", TABLE)
        files.append(str(folder / model / "grades" / f"{variant}.csv"))
        write_csv(files[-1], grading.grade_answers(TEST, rows, {"labels": LABELS}, "label"), grading.COLUMNS)
    metrics_file, stats_file = folder / "metrics.csv", folder / "stats.csv"
    grades = grading.read_grades(files)
    families = {"gpt4": ["uti", "reasoning"]}
    write_csv(metrics_file, metrics.task_metrics(grades, TASK), metrics.COLUMNS)
    rows = significance.compare_variants(grades, TASK, alpha=0.05, family="abcde", external_families=families)
    write_csv(stats_file, significance.with_holm(rows), significance.COLUMNS)
    return read_csv(metrics_file), read_csv(stats_file)


def test_external_answers_are_a_model_in_the_metrics(compared):
    rows = [row for row in compared[0] if row["model"] == "gpt4"]
    assert {row["variant"] for row in rows} == {"external"}
    # Wrong on the first eight of ten pairs of items: 6 of 10 of either label are right.
    estimates = {row["metric"]: float(row["estimate"]) for row in rows}
    assert {estimates[metric] for metric in ("accuracy", "f1", "sensitivity")} == {0.6}
    assert estimates["invalid_rate"] == 0
    assert {(row["n"], row["grader"], row["status"]) for row in rows if row["metric"] == "f1"} == {
        ("20", "label", "complete")
    }


@pytest.fixture
def stats(compared):
    """(model, comparison) -> row."""
    return {(row["model"], row["comparison"]): row for row in compared[1]}


def test_every_variant_is_compared_with_external_answers(compared, stats):
    assert len(stats) == len(compared[1]) == 12
    assert (stats["llama", "base_vs_gpt4"]["b"], stats["llama", "base_vs_gpt4"]["c"]) == ("0", "4")


def test_a_comparison_with_external_answers_is_a_mcnemar_test(stats):
    row = stats["llama", "dpo_vs_gpt4"]  # DPO alone is right on the first eight, GPT-4 alone on the last item
    assert (row["n"], row["b"], row["c"], float(row["effect"])) == ("20", "8", "1", 0.35)
    assert float(row["p_value"]) == pytest.approx(binomtest(1, 9).pvalue)


def test_comparisons_with_external_answers_are_a_family_of_their_own(stats):
    row = stats["llama", "dpo_vs_gpt4"]
    assert (row["family"], row["family_size"], float(row["threshold"])) == ("uti reasoning", "2", 0.025)
    assert float(row["p_holm"]) == pytest.approx(2 * float(row["p_value"]))
    assert {stats[model, "dpo_vs_base"]["threshold"] for model in ("llama", "mistral")} == {"0.01"}


def test_rows_of_external_answers_match_the_schemas(compared):
    for name, rows in zip(("metrics", "stats"), compared, strict=True):
        schema = yaml.safe_load((ROOT / f"workflow/schemas/{name}.schema.yaml").read_text())
        properties = {
            key: schema["properties"][key] for key in ("model", "variant", "comparison", "grader") if key in rows[0]
        }
        for row in rows:
            Draft202012Validator({"properties": properties}).validate(row)


def test_figure_2_has_a_bar_for_external_answers_and_p_values_against_them(compared):
    bars = figure2.comparison_rows(*compared, "f1")
    assert [(bar["model"], bar["variant"]) for bar in bars[2:]] == [
        ("llama", "dpo"),
        *(("mistral", variant) for variant in ("base", "sft", "dpo")),
        ("gpt4", "external"),
    ]
    p = {(row["model"], row["comparison"]): float(row["p_value"]) for row in compared[1]}
    for bar in bars[:-1]:
        assert bar["p_vs_gpt4"] == p[bar["model"], f"{bar['variant']}_vs_gpt4"] and bar["threshold_vs_gpt4"] == 0.025
    assert bars[-1]["estimate"] == 0.6 and bars[-1]["p_vs_gpt4"] is bars[-1]["threshold"] is None


def test_figure_2_names_external_answers(compared, tmp_path):
    bars = figure2.comparison_rows(*compared, "f1")
    write_csv(tmp_path / "figure2a.csv", bars, list(bars[0]))
    drawn = tmp_path / "figure2a.svg"
    options = {"metric": "f1", "title": "UTI", "panel": "a", "model_names": TITLES, "watermark": None}
    figure2.plot_comparison(*compared, paths=[drawn], **options)
    shown = words(drawn)
    assert {"GPT-4", "P vs GPT-4", ".60", "Llama3"} <= set(shown)
    assert any("*P<.01 (Bonferroni); vs GPT-4 *P<.025" in text for text in shown)


def test_the_summary_names_external_answers(compared):
    text = summary(
        *compared, headlines={"uti": "f1"}, folders=[], seeds=[], seeds_file="", left_out={}, pending_ratings=[]
    )
    [line] = (line for line in text.splitlines() if " gpt4 " in line)
    assert "elsewhere 0.60 (" in line and "P: DPO of llama .04/.02*  DPO of mistral .22/.22" in line


def test_the_page_names_external_answers(compared):
    text = Page(
        report_page(
            metrics=compared[0],
            stats=compared[1],
            cost=[],
            tasks={"uti": {"title": "Infection", "description": "", "metric": "f1"}},
            models=TITLES,
        )
    ).text
    assert "Three variants of Llama3, Mistral2:" in text and "external answers by GPT-4." in text
    assert "Llama3: no difference shown between DPO and GPT-4" in text and "SFT better than Base" in text
    assert "DPO − GPT-4 20 +35.0 points" in text


def test_different_graders_of_compared_grades_are_named():
    likert = {"name": "s", "metric": "likert", "paired_test": "paired_t", "data": "real", "seed": 1}
    ours, theirs = [3, 4, 2, 5, 4], [4.5, 4, 4, 5, 5]
    trained = grade_rows(ours, grader="judge")
    external = imported_grades([{"id": f"q{number}", "grade": grade} for number, grade in enumerate(theirs)])
    grades = {("llama", variant): trained for variant in ("base", "sft", "dpo")} | {("gpt4", "external"): external}
    rows = significance.compare_variants(grades, likert, alpha=0.05, family=["s"])
    row = next(row for row in rows if row["comparison"] == "sft_vs_gpt4")
    assert row["p_value"] == pytest.approx(ttest_rel(ours, theirs).pvalue) and row["grader"] == "judge and given"
    assert metrics.task_metrics(grades, likert)[-2]["estimate"] == 4.5


@pytest.mark.slow
def test_the_workflow_brings_a_table_to_figure_2(tmp_path, monkeypatch):
    from tests.helpers.workflow import Project, write_answers

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    project = Project.copy(tmp_path, "config/mine.yaml")
    task = {
        "source": {"kind": "synthetic", "generator": "uti"},
        "splits": {"train": 9, "eval": 9, "dev": 9, "test": 20},
    }
    external = external_entry(COLUMNS, path="gpt4.csv")
    task["external_predictions"] = {"gpt4": external, "gone": external_entry(COLUMNS, title="Gone")}
    recipes = {"savage2025": {"models": ["tiny-llama"]}}
    judged = {"source": {"kind": "synthetic", "generator": "summarization"}, "grader": "judge", "judge": "gpt-4"}
    judged["external_predictions"] = {"gpt4": external}
    config = {
        "run_name": "mine",
        "tasks": ["uti", "summarization"],
        "figure2": {"a": "uti", "c": "uti"},
        "recipes": recipes,
    }
    config["overrides"] = {"tasks": {"uti": task, "summarization": judged}}
    write_json(project.folder / "config/mine.yaml", config)
    folder = project.folder / "results/mine/uti"
    project.run("results/mine/uti/data/train.jsonl")
    for name in ("uti", "summarization"):
        write_jsonl(folder.with_name(name) / "data/test.jsonl", TEST)
    for variant, wrong in {"base": range(12), "sft": range(2), "dpo": [19]}.items():
        variant_answers = answers_of(*answers(wrong))
        write_answers(project, "mine", "uti", "tiny-llama", {variant: variant_answers})
        graded = grading.grade_answers(TEST, variant_answers, {"labels": LABELS}, "label")
        write_csv(folder / f"tiny-llama/grades/{variant}.csv", graded, grading.COLUMNS)
    write_csv(project.folder / "gpt4.csv", table_rows(answers(range(8))), ["item", "reply"])
    allowed = (
        "import_answers",
        "judge_external",
        "grade_external",
        "compute_metrics",
        "compare_variants",
        "compare_trivial",
        "plot_figure2",
    )
    targets = "reports/mine/figures/figure2a.csv", "results/mine/summarization/gpt4/grades/external.csv"
    log = project.run(*targets, "--allowed-rules", *allowed)
    assert "left out: answers of gone for uti (nowhere.csv does not exist)" in log
    assert read_jsonl(folder / "gpt4/predictions/external.jsonl")[0] == {"id": "q0", "text": "No UTI"}
    assert '"sha256"' in Path(folder / "gpt4/predictions/external.json").read_text()
    bars = read_csv(project.folder / "reports/mine/figures/figure2a.csv")
    assert [bar["model"] for bar in bars] == ["tiny-llama"] * 3 + ["gpt4"] and bars[3]["estimate"] == "0.6"
    stats = {row["comparison"]: row for row in read_csv(folder / "stats.csv")}
    assert (stats["dpo_vs_gpt4"]["b"], stats["dpo_vs_gpt4"]["family"]) == ("8", "uti summarization")
    pending = read_csv(folder.with_name("summarization") / "gpt4/grades/external.csv")
    assert {(row["grader"], row["status"]) for row in pending} == {("judge", "pending")} and len(pending) == 20
