"""The jobs of arms, which come beside the jobs of a study without arms."""

from collections import Counter

import pytest
import yaml

from clinical_dpo.config.study import merge
from tests.conftest import ROOT
from tests.helpers.configs import DEMO
from tests.helpers.workflow import Project

ARMS = {
    "few_shot": {"examples": 2},
    "sft_longer": {"learning_rate": [5.0e-4, 1.0e-4]},
    "dpo_sft": {"sft_weight": 1.0},
}
PLAIN = "config/demo.yaml"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project.copy(tmp_path_factory.mktemp("project"), PLAIN)


def planned(project, *targets, **tasks):
    """Jobs of the demo with changed tasks, by rule and wildcards."""
    demo = yaml.safe_load((ROOT / PLAIN).read_text())
    config = merge(demo, {"overrides": {"tasks": tasks}})
    (project.folder / "config/changed.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return Project(project.folder, "config/changed.yaml", {}).planned(*targets)


def with_arms(**training):
    return {"arms": ARMS, "training": training}


@pytest.fixture(scope="module")
def without(project):
    return planned(project)


def test_arms_add_only_their_own_jobs(project, without):
    """Two models, and two trials of each trained arm, as DPO has."""
    jobs = planned(project, uti=with_arms())
    assert without <= jobs
    assert Counter(rule for rule, _ in jobs - without) == {
        "build_few_shot_prompts": 2,
        "train": 2 * 4,
        "answer_dev": 2 * 4,
        "score_trials": 2 * 2,
        "select_trial": 2 * 2,
        "predict": 2 * 3,
        "grade_answers": 2 * 3,
    }
    assert all("task=uti" in wildcards for _, wildcards in jobs - without)


def test_a_plateau_of_dpo_adds_probes_of_dpo_sft_and_none_of_sft_longer(project):
    jobs = planned(project, uti=with_arms(dpo={"plateau": True, "max_steps": 12}))
    probed = [wildcards for rule, wildcards in jobs if rule == "probe" and "stage=dpo_sft" in wildcards]
    assert len(probed) == 4 and not any(rule == "probe" and "sft_longer" in wildcards for rule, wildcards in jobs)


def test_training_seeds_repeat_the_trained_arms(project):
    jobs = planned(project, uti=with_arms(seeds=[1, 2]))
    seeded = [wildcards for rule, wildcards in jobs if rule == "train_extra_seed"]
    assert Counter(
        stage for stage in ("sft", "dpo", "sft_longer", "dpo_sft") for each in seeded if f"stage={stage}," in each
    ) == {
        "sft": 2,
        "dpo": 2,
        "sft_longer": 2,
        "dpo_sft": 2,
    }


def test_raters_and_a_judge_grade_arms(project):
    """The sheets and verdicts have all variants; a job of its own writes the grades of an arm."""
    few_shot = {"arms": {"few_shot": {"examples": 2}}}
    reasoning = few_shot | {"grader": "physicians"}
    summaries = few_shot | {"grader": "judge", "judge": "gpt-4"}
    jobs = planned(project, reasoning=reasoning, summarization=summaries)
    rules = Counter(rule for rule, _ in jobs)
    assert (rules["grade_by_raters"], rules["grade_arm_by_raters"]) == (2, 2)
    assert (rules["grade_by_judge"], rules["grade_arm_by_judge"]) == (2, 2)


def test_a_threshold_is_chosen_for_an_arm_too(project):
    task = {"answer_by": "likelihood", "threshold": {"rule": "youden"}, "arms": {"few_shot": {"examples": 2}}}
    jobs = planned(project, uti=task)
    chosen = [wildcards for rule, wildcards in jobs if rule == "choose_threshold"]
    assert sum("variant=few_shot" in wildcards for wildcards in chosen) == 2


def test_no_task_of_the_published_study_has_an_arm_and_one_of_the_demo_has():
    published = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    files = [ROOT / f"config/tasks/{name}.yaml" for name in published["tasks"]]
    assert not any("arms" in yaml.safe_load(file.read_text()) for file in files)
    arms = [task["arms"] for task in DEMO["overrides"]["tasks"].values() if "arms" in task]
    assert [sorted(each) for each in arms] == [["few_shot", "sft_longer"]]
