"""Answers from elsewhere: taken over, graded, compared and drawn beside the trained variants."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from scipy.stats import binomtest, ttest_rel

from clinical_dpo.config.external import missing_external
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.data.sources.files import read_rows
from clinical_dpo.errors import UserError
from clinical_dpo.grading import grade as grading
from clinical_dpo.grading.external import given_grades, imported_answers
from clinical_dpo.io import read_csv, read_jsonl, write_csv, write_json, write_jsonl
from clinical_dpo.report.figures import figure2
from clinical_dpo.report.page.page import report_page
from clinical_dpo.report.summary import summary
from clinical_dpo.statistics import comparisons as significance
from clinical_dpo.statistics import metrics
from tests.conftest import ROOT
from tests.helpers.report_page import Page
from tests.helpers.svg import words

LABELS = ["UTI", "No UTI"]
TASK = {"name": "uti", "metric": "f1", "paired_test": "mcnemar", "positive": "UTI", "negative": "No UTI"}
TASK |= {"data": "real", "seed": 1}
TITLES = {"llama": "Llama3", "mistral": "Mistral2", "gpt4": "GPT-4"}
TEST = [
    {"id": f"q{number}", "prompt": [{"role": "user", "content": f"Note {number}.\n\nUTI or No UTI?"}]}
    | {"completion": [{"role": "assistant", "content": LABELS[number % 2]}]}
    for number in range(20)
]
COLUMNS = {"id": "item", "answer": "said"}


def other(label):
    return LABELS[1 - LABELS.index(label)]


def answers(wrong):
    """An answer to each item, wrong where the item's number is one of `wrong`."""
    right = [row["completion"][0]["content"] for row in TEST]
    return [other(label) if number in wrong else label for number, label in enumerate(right)]


def table(path, rows):
    write_csv(path, rows, list(rows[0]))
    return read_rows(path)


def test_answers_are_matched_by_id_in_the_order_of_the_test_items(tmp_path):
    rows = [{"item": f" {row['id']} ", "said": text} for row, text in zip(TEST, answers([3]), strict=True)]
    rows[5]["said"] = ""
    found = imported_answers(table(tmp_path / "gpt4.csv", rows[::-1]), TEST, COLUMNS, "f1", "gpt4.csv")
    assert [answer["id"] for answer in found] == [row["id"] for row in TEST]
    assert found[3] == {"id": "q3", "text": "UTI"} and found[5]["text"] == ""


def test_answers_are_matched_by_prompt_and_bring_their_grades(tmp_path):
    rows = [{"asked": f"note {number}.", "score": str(number % 2)} for number in range(20)]
    columns = {"prompt": "{{ asked }} UTI or No UTI?", "grade": "score"}
    found = imported_answers(table(tmp_path / "gpt4.tsv.csv", rows), TEST, columns, "accuracy", "gpt4.csv")
    assert found[:2] == [{"id": "q0", "text": "", "grade": 0}, {"id": "q1", "text": "", "grade": 1}]
    graded = given_grades(found)
    assert [tuple(row) for row in graded] == [grading.COLUMNS] * 20
    assert graded[1] == dict.fromkeys(grading.COLUMNS, "") | {
        **{"id": "q1", "grade": 1, "grader": "given", "valid": "true", "status": "complete", "proxy": "false"}
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({3: {"item": "Q3"}}, ["gpt4.csv, row 4", "'Q3' is no test item", "Did you mean", "q3"]),
        ({3: {"item": "other"}}, ["row 4", "'other' is no test item", "test.jsonl", "remove the row"]),
        ({3: {"item": "q2"}}, ["row 4", "'q2' is also answered in row 3", "Keep one"]),
        ({3: None, 7: None}, ["gpt4.csv: 2 of 20 test items have no row, first 'q3', 'q7'", "Add them"]),
        ({3: {"score": ""}}, ["row 4", "'grade'", "'', where 0 or 1 is needed"]),
        ({3: {"score": "0.5"}}, ["row 4", "'0.5', where 0 or 1 is needed"]),
    ],
)
def test_what_does_not_fit_the_test_items_is_named(change, said):
    rows = [{"item": row["id"], "said": "x", "score": "1"} for row in TEST]
    rows = [row | (change.get(number) or {}) for number, row in enumerate(rows) if change.get(number, {}) is not None]
    with pytest.raises(UserError) as error:
        imported_answers(rows, TEST, COLUMNS | {"grade": "score"}, "accuracy", "gpt4.csv")
    for part in said:
        assert part in str(error.value)


def test_a_wrong_column_or_prompt_is_named():
    with pytest.raises(UserError, match=r"gpt4.csv, row 1: columns.answer: column 'said' is missing.*'Said'"):
        imported_answers([{"item": "q0", "Said": "x"}], TEST, COLUMNS, "f1", "gpt4.csv")
    with pytest.raises(UserError, match=r"row 1: .*no test item has the prompt 'Something else"):
        imported_answers([{"item": "Something else", "said": ""}], TEST, {"prompt": "item"}, "f1", "gpt4.csv")
    likert = {"id": "item", "grade": "said"}
    assert imported_answers([{"item": "q0", "said": 4.5}], TEST[:1], likert, "likert", "a")[0]["grade"] == 4.5
    with pytest.raises(UserError, match="'6', where a number from 1 to 5 is needed"):
        imported_answers([{"item": "q0", "said": "6"}], TEST[:1], likert, "likert", "a")


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
        given = [{"item": row["id"], "said": text} for row, text in zip(TEST, answers(numbers), strict=True)]
        rows = imported_answers(table(folder / "given.csv", given), TEST, COLUMNS, "f1", "given.csv")
        files.append(str(folder / model / "grades" / f"{variant}.csv"))
        write_csv(files[-1], grading.grade_answers(TEST, rows, {"labels": LABELS}, "label"), grading.COLUMNS)
    grades = metrics_file, stats_file = folder / "metrics.csv", folder / "stats.csv"
    grades = grading.read_grades(files)
    families = {"gpt4": ["uti", "reasoning"]}
    write_csv(metrics_file, metrics.task_metrics(grades, TASK), metrics.COLUMNS)
    rows = significance.compare_variants(grades, TASK, alpha=0.05, family="abcde", external_families=families)
    write_csv(stats_file, significance.with_holm(rows), significance.COLUMNS)
    return read_csv(metrics_file), read_csv(stats_file)


def test_they_stand_in_the_metrics_as_a_model_of_their_own(compared):
    rows = [row for row in compared[0] if row["model"] == "gpt4"]
    assert {row["variant"] for row in rows} == {"external"}
    # Wrong on the first eight of ten pairs of items: 6 of 10 of either label are right.
    found = {row["metric"]: float(row["estimate"]) for row in rows}
    assert found["accuracy"] == found["f1"] == found["sensitivity"] == 0.6 and found["invalid_rate"] == 0
    assert {(row["n"], row["grader"], row["status"]) for row in rows if row["metric"] == "f1"} == {
        ("20", "label", "complete")
    }


def test_each_variant_is_compared_with_them_and_the_variants_keep_their_level(compared):
    stats = {(row["model"], row["comparison"]): row for row in compared[1]}
    assert len(stats) == len(compared[1]) == 12
    row = stats["llama", "dpo_vs_gpt4"]  # right alone: DPO on the first eight, GPT-4 on the last item
    assert (row["n"], row["b"], row["c"], float(row["effect"])) == ("20", "8", "1", 0.35)
    assert float(row["p_value"]) == pytest.approx(binomtest(1, 9).pvalue)
    assert (row["family"], row["family_size"], float(row["threshold"])) == ("uti reasoning", "2", 0.025)
    assert float(row["p_holm"]) == pytest.approx(2 * float(row["p_value"]))
    assert (stats["llama", "base_vs_gpt4"]["b"], stats["llama", "base_vs_gpt4"]["c"]) == ("0", "4")
    assert {stats[model, "dpo_vs_base"]["threshold"] for model in ("llama", "mistral")} == {"0.01"}
    for name, rows in zip(("metrics", "stats"), compared, strict=True):
        schema = yaml.safe_load((ROOT / f"workflow/schemas/{name}.schema.yaml").read_text())
        properties = {
            key: schema["properties"][key] for key in ("model", "variant", "comparison", "grader") if key in rows[0]
        }
        for row in rows:
            Draft202012Validator({"properties": properties}).validate(row)


def test_figure_2_draws_them_as_a_further_bar(compared, tmp_path):
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
    write_csv(tmp_path / "figure2a.csv", bars, list(bars[0]))
    drawn = tmp_path / "figure2a.svg"
    options = {"metric": "f1", "title": "UTI", "panel": "a", "model_names": TITLES, "watermark": None}
    figure2.plot_comparison(*compared, paths=[drawn], **options)
    shown = words(drawn)
    assert {"GPT-4", "P vs GPT-4", ".60", "Llama3"} <= set(shown)
    assert any("*P<.01 (Bonferroni); vs GPT-4 *P<.025" in text for text in shown)


def test_summary_and_page_name_them(compared):
    text = summary(
        *compared, headlines={"uti": "f1"}, folders=[], seeds=[], seeds_file="", left_out={}, pending_ratings=[]
    )
    [line] = (line for line in text.splitlines() if " gpt4 " in line)
    assert "elsewhere 0.60 (" in line and "P: DPO of llama .04/.02*  DPO of mistral .22/.22" in line
    told = Page(
        report_page(
            metrics=compared[0],
            stats=compared[1],
            cost=[],
            tasks={"uti": {"title": "Infection", "description": "", "metric": "f1"}},
            models=TITLES,
        )
    ).text
    assert "Three variants of Llama3, Mistral2:" in told and "made elsewhere, by GPT-4;" in told
    assert "Llama3: no difference shown between DPO and GPT-4" in told and "SFT better than Base" in told
    assert "DPO − GPT-4 20 +35.0 points" in told


def test_given_grades_and_graders_that_differ_are_named():
    likert = {"name": "s", "metric": "likert", "paired_test": "paired_t", "data": "real", "seed": 1}
    ours, theirs = [3, 4, 2, 5, 4], [4.5, 4, 4, 5, 5]
    trained = [
        {"id": f"q{number}", "grade": str(grade), "grader": "judge", "valid": "true"}
        | {"status": "complete", "proxy": "false", "label": "", "parsed": ""}
        for number, grade in enumerate(ours)
    ]
    given = given_grades([{"id": f"q{number}", "grade": grade} for number, grade in enumerate(theirs)])
    grades = {("llama", variant): trained for variant in ("base", "sft", "dpo")} | {("gpt4", "external"): given}
    rows = significance.compare_variants(grades, likert, alpha=0.05, family=["s"])
    row = next(row for row in rows if row["comparison"] == "sft_vs_gpt4")
    assert row["p_value"] == pytest.approx(ttest_rel(ours, theirs).pvalue) and row["grader"] == "judge and given"
    assert metrics.task_metrics(grades, likert)[-2]["estimate"] == 4.5


DEMO = merge(*(yaml.safe_load((ROOT / "config" / name).read_text()) for name in ("config.yaml", "demo.yaml")))


def study(task, **external):
    return load_study(merge(DEMO, {"overrides": {"tasks": {task: {"external_predictions": external}}}}), ROOT)


def entry(**more):
    return {"title": "GPT-4", "path": "nowhere.csv", "columns": COLUMNS, "when_missing": "leave_out"} | more


@pytest.mark.parametrize(
    ("task", "external", "said"),
    [
        ("uti", {"gpt4": entry(when_missing="error")}, "external.gpt4: nowhere.csv is not there.*leave_out"),
        ("uti", {"tiny-llama": entry()}, "external.tiny-llama: 'tiny-llama' is also the name of a folder"),
        ("uti", {"prompts": entry()}, "external.prompts: 'prompts' is also the name of a folder"),
        ("uti", {"gpt4": entry(columns=COLUMNS | {"grade": "g"})}, "F1 needs labels, not grades"),
        ("uti", {"gpt4": entry(columns={"id": "item"})}, "name the column of the answers"),
        ("uti", {"gpt4": entry(columns={"answer": "said"})}, "key 'external_predictions.gpt4.columns'"),
        ("uti", {"GPT 4": entry()}, "'GPT 4' does not match"),
        (
            "uti",
            {"gpt4": entry(tittle="x")},
            "key 'external_predictions.gpt4.tittle' is not known. Did you mean 'title'",
        ),
        ("uti", {"gpt4": entry(), "dpo_x": entry()}, "'dpo_x' does not match"),
    ],
)
def test_mistakes_in_a_task_file_are_named_at_the_start(task, external, said):
    with pytest.raises(UserError, match=said):
        study(task, **external)


def test_physicians_grade_no_answers_from_elsewhere_and_one_name_has_one_title():
    config = merge(DEMO, {"overrides": {"tasks": {"reasoning": {"grader": "physicians", "raters": ["a"]}}}})
    config = merge(config, {"overrides": {"tasks": {"reasoning": {"external_predictions": {"gpt4": entry()}}}}})
    with pytest.raises(UserError, match="nobody would grade"):
        load_study(config, ROOT)
    two = {
        "uti": {"external_predictions": {"gpt4": entry()}},
        "triage_urgency": {"external_predictions": {"gpt4": entry(title="GPT 4")}},
    }
    with pytest.raises(UserError, match="another task calls it 'GPT-4'"):
        load_study(merge(DEMO, {"overrides": {"tasks": two}}), ROOT)


def test_a_table_that_is_not_there_is_left_out(tmp_path):
    assert missing_external(entry(), stand_in=False) == "nowhere.csv is not there"
    (tmp_path / "a.csv").touch()
    assert missing_external(entry(path=str(tmp_path / "a.csv")), stand_in=False) is None
    assert "own text" in missing_external(entry(path=str(tmp_path / "a.csv")), stand_in=True)
    assert study("uti", gpt4=entry()).tasks["uti"]["external_predictions"]["gpt4"]["title"] == "GPT-4"


@pytest.mark.slow
def test_the_rules_bring_a_table_to_figure_2(tmp_path, monkeypatch):
    from tests.helpers.workflow import Project

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    project = Project.copy(tmp_path, "config/mine.yaml")
    task = {
        "source": {"kind": "synthetic", "generator": "uti"},
        "splits": {"train": 9, "eval": 9, "dev": 9, "test": 20},
    }
    task["external_predictions"] = {"gpt4": entry(path="gpt4.csv"), "gone": entry(title="Gone")}
    recipes = {"savage2025": {"models": ["tiny-llama"]}}
    judged = {"source": {"kind": "synthetic", "generator": "summarization"}, "grader": "judge", "judge": "gpt-4"}
    judged["external_predictions"] = {"gpt4": entry(path="gpt4.csv")}
    config = {
        "run_name": "mine",
        "tasks": ["uti", "summarization"],
        "figure2": {"a": "uti", "c": "uti"},
        "recipes": recipes,
    }
    config["overrides"] = {"tasks": {"uti": task, "summarization": judged}}
    write_json(project.folder / "config/mine.yaml", config)
    folder = project.folder / "results/mine/uti"
    for name in ("uti", "summarization"):
        write_jsonl(folder.with_name(name) / "data/test.jsonl", TEST)
    for variant, wrong in {"base": range(12), "sft": range(2), "dpo": [19]}.items():
        rows = [{"id": row["id"], "text": text} for row, text in zip(TEST, answers(wrong), strict=True)]
        graded = grading.grade_answers(TEST, rows, {"labels": LABELS}, "label")
        write_csv(folder / f"tiny-llama/grades/{variant}.csv", graded, grading.COLUMNS)
    rows = [{"item": row["id"], "said": text} for row, text in zip(TEST, answers(range(8)), strict=True)]
    write_csv(project.folder / "gpt4.csv", rows, ["item", "said"])
    allowed = (
        "import_answers",
        "judge_external",
        "grade_external",
        "compute_metrics",
        "compare_variants",
        "plot_figure2",
    )
    targets = "reports/mine/figures/figure2a.csv", "results/mine/summarization/gpt4/grades/external.csv"
    said = project.run(*targets, "--allowed-rules", *allowed)
    assert "left out: answers of gone for uti (nowhere.csv is not there)" in said
    assert read_jsonl(folder / "gpt4/predictions/external.jsonl")[0] == {"id": "q0", "text": "No UTI"}
    assert '"sha256"' in Path(folder / "gpt4/predictions/external.json").read_text()
    bars = read_csv(project.folder / "reports/mine/figures/figure2a.csv")
    assert [bar["model"] for bar in bars] == ["tiny-llama"] * 3 + ["gpt4"] and bars[3]["estimate"] == "0.6"
    stats = {row["comparison"]: row for row in read_csv(folder / "stats.csv")}
    assert (stats["dpo_vs_gpt4"]["b"], stats["dpo_vs_gpt4"]["family"]) == ("8", "uti summarization")
    awaited = read_csv(folder.with_name("summarization") / "gpt4/grades/external.csv")
    assert {(row["grader"], row["status"]) for row in awaited} == {("judge", "pending")} and len(awaited) == 20
