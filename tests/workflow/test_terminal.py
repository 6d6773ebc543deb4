"""What a run shows in a terminal: a bar, every message, short lines. A pipe gets Snakemake's own text."""

import re

import pytest

from clinical_dpo.line_length import LONGEST
from tests.helpers.own_rows import CONFIG, ROWS, lines
from tests.helpers.terminal import in_terminal
from tests.helpers.workflow import Project

TARGET = "results/mine/uti/data/manifest.json"
BAR = re.compile(r"\d of \d jobs, 0:\d\d:\d\d so far")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project.copy(tmp_path_factory.mktemp("project"), "mine.yaml")
    (project.folder / "mine.yaml").write_text(CONFIG)
    (project.folder / "data").mkdir()
    (project.folder / "data/mine.jsonl").write_bytes(lines(*ROWS))
    return project


def in_its_terminal(project, *arguments):
    command = [*project.command(), *arguments, "--cores", "1", "--configfile", project.config]
    return in_terminal(command, project.folder)


def longest(text):
    return max(map(len, text.splitlines()))


def test_a_run_shows_its_jobs_in_a_bar_and_their_text_in_the_log(project):
    seen = in_its_terminal(project, TARGET)
    assert seen.status == 0 and (project.folder / TARGET).exists()
    bars = [screen for screen in seen.screens if BAR.search(screen)]
    assert any("running 0:" in screen and "retrieve_source  task=uti" in screen for screen in bars)
    assert any("1 of 2 jobs" in screen and "left" in screen for screen in bars)
    assert not BAR.search(seen.text) and "rule retrieve_source:" not in seen.text and "Select jobs" not in seen.text
    log = re.search(r"Complete log\(s\): (.*)", seen.text)[1]
    text = (project.folder / log).read_text()
    assert all(words in text for words in ("rule retrieve_source:", "Finished jobid", "2 of 2 steps (100%) done"))


def test_a_failed_job_shows_the_same_messages_as_without_a_bar(project):
    (project.folder / "data/mine.jsonl").write_bytes(lines(*ROWS[:5], ROWS[5] | {"label": "UTl"}))
    piped = project.snakemake(TARGET)
    seen = in_its_terminal(project, TARGET)
    (project.folder / "data/mine.jsonl").write_bytes(lines(*ROWS))
    assert seen.status == piped.returncode == 1
    assert any(BAR.search(screen) for screen in seen.screens) and not BAR.search(seen.text)
    message = "data/mine.jsonl, row 6: task 'uti', id 'r5': field 'label': 'UTl' is not a label of this task."
    expected = {line for line in re.split(r"\n", piped.stderr[piped.stderr.index(message) :]) if "log" not in line}
    expected = {
        line for line in expected if line and "/scripts/tmp" not in line and not line.startswith(("[", "Elapsed"))
    }
    assert len(expected) > 8 and expected <= set(seen.text.splitlines())
    last = [line for line in seen.text.splitlines() if line.startswith("split_dataset (task=uti) failed: ")]
    assert len(last) == 1 and message in last[0] and longest(seen.text) <= LONGEST


def test_a_dry_run_has_snakemakes_text_with_long_lists_cut(project):
    piped = project.snakemake("--dry-run", "--forceall", cores=1)
    seen = in_its_terminal(project, "--dry-run", "--forceall")
    own = piped.stdout.splitlines()
    changing = re.compile(r"  (Date|Workflow ID|Command): |^\[|^$")
    short = [line for line in own if len(line) <= LONGEST and not changing.search(line)]
    assert longest(piped.stdout) > 1000 and longest(seen.text) <= LONGEST and "\x1b" not in piped.stdout
    assert len(short) > 300 and {line.rstrip() for line in short} <= set(seen.text.splitlines())
    assert re.search(r"^    input: .*, \.\.\. \(\d+ more\)$", seen.text, re.MULTILINE)


def test_a_command_that_asks_for_details_gets_snakemakes_text(project):
    seen = in_its_terminal(project, TARGET, "--forceall", "--printshellcmds")
    assert seen.status == 0 and "rule retrieve_source:" in seen.text and "2 of 2 steps (100%) done" in seen.text
    assert not any(BAR.search(screen) for screen in seen.screens)
