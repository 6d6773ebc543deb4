"""What a study has, without Snakemake: its files, its tables, what they must say of their numbers."""

import pytest
import yaml

from clinical_dpo.config import display, files
from clinical_dpo.config.judges import graded_by_judge, unnamed_judges
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.raters import awaited_sheets, rated_sheets, sheet_raters, sheet_variants
from clinical_dpo.config.study import merge
from tests.conftest import ROOT

CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
DEMO = merge(CONFIG, yaml.safe_load((ROOT / "config/demo.yaml").read_text()))
UTI = ("uti", "llama3-8b-instruct")


@pytest.fixture(scope="module")
def published():
    return load_study(CONFIG, ROOT)


def changed(**task):
    """The published study with other settings of `uti`."""
    return load_study(merge(CONFIG, {"overrides": {"tasks": {"uti": task}}}), ROOT)


def test_the_published_sweep_is_214_trials_of_which_210_have_a_probe(published):
    """Two models, five tasks of 6 and 15 trials; Murphy's two tasks have one of each and no probe."""
    assert len(files.trial_files(published, "adapter")) == 5 * 2 * (6 + 15) + 2 * 2
    assert len(files.trial_files(published, "trial_run", part="probe")) == 5 * 2 * (6 + 15)
    assert len(files.selections(published)) == 2 * (5 * 2 + 2) == len(set(files.selections(published)))


def test_other_seeds_add_their_own_models_and_grades():
    study = changed(training={"seeds": [42, 43]})
    folder = "results/uti/llama3-8b-instruct"
    assert files.chosen_trials(study, *UTI, "sft", "best_run") == [
        f"{folder}/sft/{best}/run.json" for best in ("best", "best_seed43")
    ]
    added = set(files.seed_grades(study, "uti")) - set(files.grades(study, "uti"))
    assert {path for path in added if folder in path} == {
        f"{folder}/grades/{stage}_seed43.csv" for stage in ("sft", "dpo")
    }
    assert "seeds" in files.tables(study, "uti")


def test_where_people_grade_no_seed_is_trained_again():
    study = load_study(merge(CONFIG, {"seeds": [42, 43]}), ROOT)
    assert study.extra_seeds("reasoning") == [] and study.extra_seeds("uti") == [43]
    assert "one training seed: reasoning (physicians would have to grade every repeat)" in display.notes(study)


def test_tables_are_those_asked_for_and_those_of_raters(published):
    assert files.tables(published, "uti") == ["metrics", "stats"]
    assert {"helpfulness", "win_rate", "agreement", "pending_ratings"} <= set(files.tables(published, "pubmedqa"))
    assert files.tables_named(published, "reward_margin") == [
        f"results/{task}/reward_margin.csv" for task in ("pubmedqa", "meqsum")
    ]
    assert len(files.tables_named(published)) == sum(len(files.tables(published, task)) for task in published.tasks)


def test_answers_from_elsewhere_are_graded_beside_the_variants(tmp_path):
    table = tmp_path / "answers.csv"
    table.write_text("id,said\n")
    entry = {"title": "GPT-4", "path": str(table), "columns": {"id": "id", "answer": "said"}}
    study = changed(
        external_predictions={"gpt4": entry, "gone": entry | {"path": "gone.csv", "when_missing": "leave_out"}}
    )
    if study.is_missing("uti"):  # its questions are generated text, which nobody elsewhere has answered
        assert study.externals("uti") == [] and len(display.left_out(study)) >= 2
    else:
        assert study.externals("uti") == ["gpt4"] and study.titles["gpt4"] == "GPT-4"
        assert "results/uti/gpt4/grades/external.csv" in files.grades(study, "uti")
    assert "answers of gone for uti" in display.left_out(study)


def test_what_is_no_number_of_the_study_is_marked():
    demo = load_study(DEMO, ROOT)
    assert display.watermark(demo, "summarization").endswith("synthetic data, proxy grades")
    assert display.watermarks(demo)["summarization"].endswith("synthetic data")
    assert display.watermark_of_all(demo).endswith("synthetic data")
    assert display.task_names(demo, "uti") == {"task": "uti", "data": "synthetic"}
    assert display.task_facts(demo, "uti")["positive"] == demo.tasks["uti"]["labels"][0]
    assert "positive" not in display.task_facts(demo, "summarization")


def test_a_task_has_the_sheets_that_its_raters_fill_in(published):
    task = published.tasks["reasoning"]
    assert list(rated_sheets(task)) == ["correctness", "adjudication"] == awaited_sheets(task)
    assert (
        sheet_raters(task, "adjudication") == [task["adjudicator"]]
        and sheet_raters(task, "correctness") == task["raters"]
    )
    assert sheet_variants("preference") == ("dpo", "sft") and sheet_variants("likert") == ("base", "sft", "dpo")
    assert len(files.keys(published, "reasoning")) == 2 * 2
    assert len([path for path in files.sheets(published) if "/reasoning/" in path]) == 2 * (2 + 1) * 4


def test_a_judge_that_nobody_named_is_told():
    tasks = {"a": {"grader": "judge"}, "b": {"grader": "judge", "judge": "gpt-4"}, "c": {"grader": "label"}}
    assert unnamed_judges(tasks) == ["a: no judge is named (key judge of config/tasks/a.yaml)"]
    assert [name for name, task in tasks.items() if graded_by_judge(task)] == ["b"]
