"""The files and tables of a study, and the marks of synthetic data and proxy grades, without Snakemake."""

import pytest

from clinical_dpo.config import display, files
from clinical_dpo.config.judges import graded_by_judge, unnamed_judges
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.raters import awaited_sheets, rated_sheets, sheet_raters, sheet_variants
from clinical_dpo.config.study import merge
from tests.conftest import ROOT
from tests.helpers.configs import DEMO, PUBLISHED

UTI = ("uti", "llama3-8b-instruct")
UTI_FOLDER = "results/uti/llama3-8b-instruct"


@pytest.fixture(scope="module")
def published():
    return load_study(PUBLISHED, ROOT)


def changed(**task):
    """The published study with changed settings of `uti`."""
    return load_study(merge(PUBLISHED, {"overrides": {"tasks": {"uti": task}}}), ROOT)


def test_the_published_sweep_has_214_trials_of_which_210_have_a_probe(published):
    """Two models and five tasks of 6 and 15 trials. Murphy's two tasks have one trial per stage and no probe."""
    assert len(files.trial_files(published, "adapter")) == 5 * 2 * (6 + 15) + 2 * 2
    assert len(files.trial_files(published, "trial_run", part="probe")) == 5 * 2 * (6 + 15)


def test_curves_are_those_of_probes_where_a_stage_has_probes(published):
    parts = {path.split("/")[1]: path.split("/")[-2] for path in files.curve_logs(published)}
    assert parts["uti"] == parts["summarization"] == "probe" and parts["pubmedqa"] == "adapter"
    assert len(files.curve_logs(published)) == 5 * 2 * (6 + 15) + 2 * 2


def test_each_task_model_and_stage_has_a_selection_table(published):
    assert len(files.selections(published)) == 2 * (5 * 2 + 2) == len(set(files.selections(published)))


@pytest.fixture(scope="module")
def two_seeds():
    return changed(training={"seeds": [42, 43]})


def test_an_extra_seed_has_a_folder_of_its_own(two_seeds):
    assert files.chosen_trials(two_seeds, *UTI, "sft", "best_run") == [
        f"{UTI_FOLDER}/sft/{best}/run.json" for best in ("best", "best_seed43")
    ]


def test_an_extra_seed_adds_grades_and_a_table(two_seeds):
    study, folder = two_seeds, UTI_FOLDER
    added = set(files.seed_grades(study, "uti")) - set(files.grades(study, "uti"))
    assert {path for path in added if folder in path} == {
        f"{folder}/grades/{stage}_seed43.csv" for stage in ("sft", "dpo")
    }
    assert "seeds" in files.tables(study, "uti")


def test_a_task_that_people_grade_has_a_single_seed():
    study = load_study(merge(PUBLISHED, {"seeds": [42, 43]}), ROOT)
    assert study.extra_seeds("reasoning") == [] and study.extra_seeds("uti") == [43]
    assert any(
        line.startswith("task 'reasoning' is trained with one seed only, because grader 'physicians'")
        for line in display.notes(study)
    )


def test_a_task_has_its_configured_tables_and_those_of_its_raters(published):
    assert files.tables(published, "uti") == ["metrics", "stats", "trivial", "decisions", "unreadable"]
    labels = files.tables(load_study(PUBLISHED | {"tasks": ["pubmedqa_labels"]}, ROOT), "pubmedqa_labels")
    tables = ["metrics", "stats", "confusion", "symmetry", "reliability", "trivial", "decisions"]
    assert labels == tables  # an answer by likelihood is never unreadable
    assert {"helpfulness", "win_rate", "agreement", "pending_ratings"} <= set(files.tables(published, "pubmedqa"))


def test_named_tables_are_listed_for_the_tasks_that_have_them(published):
    assert files.tables_named(published, "reward_margin") == [
        f"results/{task}/reward_margin.csv" for task in ("pubmedqa", "meqsum")
    ]
    assert len(files.tables_named(published)) == sum(len(files.tables(published, task)) for task in published.tasks)


def test_external_predictions_are_graded_beside_the_variants(tmp_path):
    table = tmp_path / "answers.csv"
    table.write_text("id,answer\n")
    entry = {"title": "GPT-4", "path": str(table), "columns": {"id": "id", "answer": "answer"}}
    study = changed(
        external_predictions={"gpt4": entry, "gone": entry | {"path": "gone.csv", "when_missing": "leave_out"}}
    )
    if study.is_missing("uti"):  # external predictions answer the task's own text, not synthetic text
        assert study.externals("uti") == [] and len(display.left_out(study)) >= 2
    else:
        assert study.externals("uti") == ["gpt4"] and study.titles["gpt4"] == "GPT-4"
        assert "results/uti/gpt4/grades/external.csv" in files.grades(study, "uti")
    assert "answers of gone for uti" in display.left_out(study)


@pytest.fixture(scope="module")
def demo():
    return load_study(DEMO, ROOT)


def test_synthetic_data_and_proxy_grades_have_a_watermark(demo):
    assert display.watermark(demo, "summarization").endswith("synthetic data, proxy grades")
    assert display.watermarks(demo)["summarization"].endswith("synthetic data")
    assert display.watermark_of_all(demo).endswith("synthetic data")


def test_tables_name_a_task_and_its_kind_of_data(demo):
    assert display.task_names(demo, "uti") == {"task": "uti", "data": "synthetic"}


def test_only_a_task_with_labels_has_classes(demo):
    assert display.task_facts(demo, "uti")["positive"] == demo.tasks["uti"]["labels"][0]
    assert "positive" not in display.task_facts(demo, "summarization")


def test_a_task_has_a_sheet_for_its_raters_and_one_for_its_adjudicator(published):
    task = published.tasks["reasoning"]
    assert list(rated_sheets(task)) == ["correctness", "adjudication"] == awaited_sheets(task)
    assert sheet_raters(task, "adjudication") == [task["adjudicator"]]
    assert sheet_raters(task, "correctness") == task["raters"]


def test_a_preference_sheet_shows_two_variants_and_others_show_all():
    variants = ["base", "sft", "dpo"]
    assert sheet_variants("preference", variants) == ["dpo", "sft"] and sheet_variants("likert", variants) == variants


def test_each_sheet_has_a_key_and_a_file_per_rater_and_format(published):
    assert len(files.keys(published, "reasoning")) == 2 * 2
    assert len([path for path in files.sheets(published) if "/reasoning/" in path]) == 2 * (2 + 1) * 4


GRADED_TASKS = {"a": {"grader": "judge"}, "b": {"grader": "judge", "judge": "gpt-4"}, "c": {"grader": "label"}}


def test_a_task_without_the_judge_that_it_needs_is_listed():
    (line,) = unnamed_judges(GRADED_TASKS)
    assert line.startswith("a: ") and "key judge of config/tasks/a.yaml" in line


def test_only_a_task_that_names_a_judge_is_graded_by_it():
    assert [name for name, task in GRADED_TASKS.items() if graded_by_judge(task)] == ["b"]
