"""Another workflow uses this one as a module, from a clone or from a hosted repository, with its own configuration."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml

from clinical_dpo.io import read_jsonl, write_json
from tests.conftest import ROOT
from tests.helpers.workflow import Project

PAGE = (ROOT / "config/README.md").read_text(encoding="utf-8")
REPOSITORY = 'github("OWNER/clinical-dpo", path="Snakefile", branch="main")'
SNAKEDEPLOY = "snakedeploy==0.17.1"


def git(folder, *words):
    return subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True).stdout.strip()


def commit(folder):
    """Commit all files of a folder, and return the commit."""
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "--message", "all")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The project as a repository that git reads in place of https://github.com/OWNER/clinical-dpo."""
    project = Project.copy(tmp_path / "OWNER/clinical-dpo", "config/demo.yaml")
    git(project.folder, "init", "--quiet", "--initial-branch", "main")
    commit(project.folder)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{tmp_path}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)  # Snakemake would write it into the address
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return project


@pytest.fixture
def study(tmp_path):
    """A folder with a copy of the project's config, and a task of its own."""
    folder = tmp_path / "study"
    for name in ("config", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "workflow").mkdir()
    task = yaml.safe_load((ROOT / "config/tasks/uti.yaml").read_text()) | {
        "name": "own",
        "recipe": "small",
        "prompt": "{{ note }} Is there a UTI?",
        "source": {"kind": "synthetic", "generator": "uti"},
        "splits": dict.fromkeys(("train", "eval", "dev", "test"), 9),
    }
    write_json(folder / "config/tasks/own.yaml", task)
    write_json(folder / "config/mine.yaml", {"run_name": "mine", "tasks": ["own"], "figure2": {"a": "own"}})
    return Project(folder, "config/mine.yaml", {})


def use(study, declaration):
    """Write the Snakefile that the page shows, with another value of `snakefile`."""
    [text] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    text, count = re.subn(r"github\(.*\)", declaration, text)
    assert count == 1
    (study.folder / "workflow/Snakefile").write_text(text)


def prompts(study):
    """Make the training rows of the study, and return their prompts."""
    train = "results/mine/own/data/train.jsonl"
    study.run(train, cores=1)
    return [row["prompt"][0]["content"] for row in read_jsonl(study.folder / train)]


def test_a_module_reads_the_tasks_of_the_folder_that_uses_it(study):
    use(study, f'"{ROOT}/Snakefile"')
    made = prompts(study)
    assert len(made) == 9 and all(prompt.endswith("Is there a UTI?") for prompt in made)


def test_a_module_of_a_hosted_repository_runs_the_code_of_its_newest_commit(study, repository):
    use(study, REPOSITORY)
    assert len(prompts(study)) == 9
    code = study.folder / ".snakemake/clinical-dpo-code"
    assert git(code, "rev-parse", "HEAD") == git(repository.folder, "rev-parse", "HEAD")
    repository.edit("clinical_dpo/data/rows.py", '"""', '"""New: ')
    newest = commit(repository.folder)
    study.run("--dry-run")
    assert git(code, "rev-parse", "HEAD") == newest
    assert '"""New: ' in (code / "clinical_dpo/data/rows.py").read_text()


@pytest.mark.slow
def test_a_deployed_workflow_plans_the_jobs_of_the_repository(repository, tmp_path):
    """`snakedeploy deploy-workflow` as its users type it, in an environment of its own."""
    python = tmp_path / "venv/bin/python"
    for command in (
        [sys.executable, "-m", "venv", str(tmp_path / "venv")],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SNAKEDEPLOY],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot install {SNAKEDEPLOY}: {(done.stdout + done.stderr).strip()[-300:]}")
    folder = tmp_path / "deployed"
    words = ["deploy-workflow", "https://github.com/OWNER/clinical-dpo", str(folder), "--branch", "main"]
    subprocess.run([str(python.with_name("snakedeploy")), *words], check=True, capture_output=True, text=True)
    assert REPOSITORY in (folder / "workflow/Snakefile").read_text()
    for config in ("config/demo.yaml", "config/config.yaml"):
        planned = Project(folder, config, {}).planned()
        assert planned == Project(repository.folder, config, {}).planned() != set()
