"""The commands of the examples make what their pages show."""

import re
from dataclasses import replace

import pytest
import yaml

from clinical_dpo.yaml_files import read_yaml
from tests.conftest import real_data
from tests.helpers.examples import EXAMPLES, PAGE, TASKS
from tests.helpers.smollm2 import read_model_from
from tests.helpers.workflow import VARIANTS, Project, rows

COMMANDS = {
    name: [line for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    for name, page in PAGE.items()
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project.copy(tmp_path_factory.mktemp("project"), "")


@pytest.mark.parametrize(("name", "trainings"), [("visits", 3), ("orders", 2), ("pubmedqa", 2)])
def test_the_first_commands_copy_the_task_and_plan_its_training(project, name, trainings):
    commands = COMMANDS[name]
    dry = next(number for number, command in enumerate(commands) if " -n " in command)
    for command in commands[:dry]:
        project.shell(command)
    planned = project.shell(commands[dry])
    assert re.search(rf"^train +{trainings}$", planned, re.MULTILINE)
    if name != "pubmedqa":  # the papers do not have these tasks
        assert not re.search("compare_published|check_paper_consistency", planned)


def shorten(project, name):
    """Let an example train for three steps with one learning rate: its page trains for minutes."""
    path = project.folder / "examples" / name / "config.yaml"
    config = read_yaml(path)
    for recipe in config["recipes"].values():
        for stage in ("sft", "dpo"):
            recipe[stage] |= {"max_steps": 3, "learning_rate": recipe[stage]["learning_rate"][:1]}
    path.write_text(yaml.safe_dump(config))


@pytest.mark.slow
def test_labels_from_a_spreadsheet(project, smollm2, warm):
    shorten(project, "visits")
    printed = run_page(project, "visits", smollm2, warm)
    assert words((project.folder / "reports/visits/summary.txt").read_text()) in words(printed[-1])
    patients = {split: patients_in(project, split) for split in ("train", "eval", "dev", "test")}
    assert sum(len(groups) for groups in patients.values()) == len(set().union(*patients.values()))
    assert {row["variant"] for row in metric(project, "visits", "accuracy")} == set(VARIANTS)


def words(text):
    """A text without its line breaks."""
    return " ".join(text.split())


def patients_in(project, split):
    return {row["group"] for row in rows(project.folder / f"results/visits/admit/data/{split}.jsonl")}


@pytest.mark.slow
def test_texts_that_two_colleagues_grade(project, smollm2, warm):
    """The page shows what the first run says about the sheets."""
    shorten(project, "orders")
    printed = run_page(project, "orders", smollm2, warm)
    paths = set(re.findall(r"(?:results|ratings)/\S*/likert\.\w+\.\w+", PAGE["orders"]))
    assert len(paths) >= 2 and all(path in printed[2] for path in paths)
    assert "Still awaited" not in printed[-1] and not re.search(r"^train ", printed[-1], re.MULTILINE)
    assert all(1 <= float(row["estimate"]) <= 5 for row in metric(project, "orders", "mean_likert"))
    agreement = rows(project.folder / "results/orders/instructions/agreement.csv")
    assert {row["metric"] for row in agreement} >= {"quadratic_kappa", "icc_2_1"}
    assert {row["status"] for row in agreement} == {"complete"}


@pytest.mark.slow
def test_pubmedqa_on_a_small_real_model(project, smollm2, warm):
    """The whole training of the page on real rows, from the publisher's file in place of the hub."""
    task = project.folder / "config/tasks/pubmedqa_labels.yaml"
    path = real_data("pubmedqa", "ori_pqal.json")
    source = {"kind": "file", "path": str(path), "reader": "pubmedqa"}
    settings = yaml.safe_load(task.read_text()) | {"source": source, "when_missing": "error"}
    task.write_text(yaml.safe_dump(settings))
    run_page(project, "pubmedqa", smollm2, warm)


def run_page(project, name, smollm2, warm):
    """Run the commands of a page with the model of a folder in place of the hub, and check the files that it names.

    Scripts run in forks of a Python that has imported the libraries.

    Returns:
        What each command printed.
    """
    read_model_from(smollm2[0], project.folder)
    reader = replace(project, python=warm)
    printed = [reader.shell(command) for command in COMMANDS[name]]
    for path in re.findall(r"^\| `((?:results|reports|ratings)/.*?)` \|", PAGE[name], re.MULTILINE):
        assert (project.folder / path).exists(), path
    stats = rows(table(project, name, "stats"))
    assert {row["comparison"] for row in stats} == {"sft_vs_base", "dpo_vs_base", "dpo_vs_sft"}
    assert {row["status"] for row in stats} == {"complete"}
    return printed


def table(project, name, file):
    run = read_yaml(EXAMPLES / name / "config.yaml")["run_name"]
    return project.folder / f"results/{run}/{TASKS[name]}/{file}.csv"


def metric(project, name, measure):
    return [row for row in rows(table(project, name, "metrics")) if row["metric"] == measure]
