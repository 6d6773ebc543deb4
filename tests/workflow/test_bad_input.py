"""A user's mistakes at the command line: one message with place and mend, a status that is not 0, no output left."""

import json

import pytest

from tests.helpers.workflow import Project

CONFIG = """
run_name: mine
recipes: {savage2025: {models: [tiny-llama]}}
tasks: [uti]
figure2: {}
overrides:
  tasks:
    uti:
      source: {kind: file, path: data/mine.jsonl}
      when_missing: error
      columns: {note: text, label: label}
      prompt: "{{ note }} UTI or No UTI?"
      splits: {train: 4, eval: 2, dev: 2, test: 2}
"""
ROWS = [{"id": f"r{i}", "text": f"Note {i}: dysuria.", "label": ["UTI", "No UTI"][i % 2]} for i in range(10)]
TARGET = "results/mine/uti/data/manifest.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project.copy(tmp_path_factory.mktemp("project"), "mine.yaml")
    (made.folder / "mine.yaml").write_text(CONFIG)
    (made.folder / "data").mkdir()
    return made


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    ("raw", "messages"),
    [
        (lines(*ROWS[:9]), ["need 10 different rows", "there are 9", "on_shortfall: shrink"]),
        (lines(*ROWS)[:-20], ["data/mine.jsonl, line 10", "not valid JSON", "cut off"]),
        (lines(*ROWS).replace(b"Note 3", b"Note \xff"), ["data/mine.jsonl, line 4", "not UTF-8"]),
        (lines(*ROWS[:5], {"id": "r5", "label": "UTI"}), ["data/mine.jsonl, row 6", "column 'text'", "is missing"]),
        (lines(*ROWS[:5], ROWS[5] | {"text": "  "}), ["data/mine.jsonl, row 6", "'note' is empty"]),
        (lines(*ROWS[:5], ROWS[5] | {"label": "UTl"}), ["row 6", "'UTl'", "UTI, No UTI"]),
        (lines(*ROWS[:9], ROWS[2]), ["row 10: id 'r2' is also that of row 3"]),
    ],
)
def test_a_bad_data_file_is_told_in_one_message(project, raw, messages):
    (project.folder / "data/mine.jsonl").write_bytes(raw)
    done = project.snakemake(TARGET)
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if messages[0] in line]
    assert len(told) == 1 and all(message in told[0] for message in messages), done.stderr
    assert "Traceback" not in done.stderr
    left = {path.name for path in (project.folder / "results/mine/uti/data").glob("*")}
    assert left <= {"source.jsonl", "source.json"}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (lines(*ROWS[:9]), "The splits need 10 different rows (train 4, eval 2, dev 2, test 2) and there are 9."),
        (lines(*ROWS[:5], ROWS[5] | {"text": "  "}), "row 6: task 'uti': key 'prompt', field 'note' is empty"),
        (lines(*ROWS[:5], ROWS[5] | {"label": "Jane Doe"}), None),
        (lines(*ROWS[:5], {"Jane Doe": 1, "label": "UTI"}), None),
    ],
)
def test_of_private_rows_the_terminal_is_told_what_quotes_none(project, raw, told):
    (project.folder / "data/mine.jsonl").write_bytes(raw)
    private = Project(project.folder, "private.yaml", {})
    renamed = CONFIG.replace("run_name: mine", "run_name: private")
    (project.folder / private.config).write_text(renamed + "      phi: true\n")
    done = private.snakemake(TARGET.replace("mine", "private"))
    printed = done.stdout + done.stderr
    assert done.returncode != 0 and (told or "stands in logs/private/") in printed
    assert "Jane Doe" not in printed and "r2" not in printed and "r5" not in printed
    logs = "".join(path.read_text() for path in (project.folder / "logs/private").rglob("*.log"))
    assert (told.split("', ")[-1] if told else "row ") in logs


def test_a_missing_file_is_an_error_where_the_task_says_so(project):
    (project.folder / "data/mine.jsonl").unlink(missing_ok=True)
    done = project.snakemake(TARGET)
    assert done.returncode != 0
    assert "config/tasks/uti.yaml: data/mine.jsonl is not there. Put it there, or correct source.path." in done.stderr
    assert "Traceback" not in done.stderr


def test_good_rows_pass(project):
    (project.folder / "data/mine.jsonl").write_bytes(lines(*ROWS))
    project.run(TARGET)
    assert json.loads((project.folder / TARGET).read_text())["counts"] == {"train": 4, "eval": 2, "dev": 2, "test": 2}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--config", "alpah=0.1"], "key 'alpah' is not known. Did you mean 'alpha'?"),
        (["--config", "tasks=[utii]"], "config/tasks/utii.yaml: no such file. Did you mean 'uti'?"),
        (["--config", "recipes={savage2025: {sft: {max_step: 3}}}"], "Did you mean 'max_steps'?"),
    ],
)
def test_a_bad_config_is_told_before_anything_runs(project, option, message):
    done = project.snakemake("--dry-run", *option)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
