"""Every command of README.md, as a reader types it: on the demo, and on the study that the page shows."""

import re
from pathlib import Path

import pytest
import yaml

from clinical_dpo.data.sources.retrieve import retrieve
from clinical_dpo.io import write_csv
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT, TINY
from tests.helpers.hub_server import Hub, Repository, serving
from tests.helpers.workflow import Project, rows

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = ("make", "snakemake", "python", "source", "pip", "git", "bash", "sbatch", "export")
ACTIVATE = "source .venv/bin/activate"  # before every command of the study
NEW_FILE = "python -m clinical_dpo.models.new_file OWNER/NAME"  # with a hub on loopback
SLURM = "snakemake --profile slurm all"  # as a dry run; tests/workflow/slurm has the runs on a cluster
FILE = "--configfile config/mine.yaml"
MODEL = "llama3-8b-instruct"
RESULTS = f"results/mine/my_task/{MODEL}"
DEMO = {
    "make demo": ["reports/demo/summary.html", "reports/demo/figures/figure2a.svg"],
    "make report": ["reports/demo/report.html"],
    "python -m docs.pictures": ["docs/pictures/figure2.png", "docs/pictures/decisions.png"],
}
# Command -> files that are there afterwards, in the order in which a reader would type them.
MINE = {
    "snakemake -n": [],
    SLURM: [],
    "snakemake --cores 1 plan": ["reports/mine/plan.txt"],
    f"snakemake --cores 4 {FILE}": ["reports/mine/summary.html", "results/mine/my_task/stats.csv"],
    "snakemake --cores 8 --retries 2 --keep-going": [],
    "snakemake --cores 1 release": [f"{RESULTS}/release/{stage}/README.md" for stage in ("sft", "dpo")],
    "snakemake --cores 1 free": ["reports/mine/freed.txt"],
}


def commands(page):
    """The commands of a page: code in the text, and lines of blocks, that begin with the name of a program."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    lines = [
        line.partition(" #")[0] for language, block in blocks if language in ("", "bash") for line in block.split("\n")
    ]
    code = [" ".join(words.split()) for words in (*lines, *re.findall(r"`([^`]+)`", prose))]
    return {words for words in code if words.partition(" ")[0] in PROGRAMS and " " in words}


def test_commands_are_code_in_the_text_and_lines_of_blocks():
    page = "`make it`, `make`\n```\nmake all  # now\nmade\n```\n`snakemake\n-n`\n```yaml\npip x\n```\n"
    page += "```bash\npip y\n```\n"
    assert commands(page) == {"make it", "make all", "snakemake -n", "pip y"}


def test_every_command_of_the_page_has_a_case():
    assert commands(README) == {*DEMO, *MINE, ACTIVATE, NEW_FILE}


@pytest.mark.slow
@pytest.mark.parametrize("command", DEMO)
def test_a_command_of_the_demo_makes_its_files(demo, command):
    """`make demo` has run, and a second one does nothing."""
    project, _ = demo
    printed = project.shell(f"{ACTIVATE} && {command}")
    assert_files(project, DEMO[command])
    assert command != "make demo" or "Nothing to be done" in printed


@pytest.mark.slow
def test_the_demo_ends_with_the_decisions_of_the_page(demo):
    """Without their numbers, which processors round differently."""
    [block] = re.findall(r"^```\n(Is SFT enough\?\n.*?)^```$", README, re.MULTILINE | re.DOTALL)
    printed = " ".join(demo[1].split())
    for line in block.splitlines():
        assert re.split(r" \(| \.\.\.", line.strip())[0] in printed


@pytest.fixture
def own(tmp_path):
    """The study of the page, with generated messages, a barely trained model and a tenth of the steps."""
    project = Project.copy(tmp_path / "project", "config/mine.yaml")
    project.install()
    for name, text in re.findall(r"^```yaml\n# (config/\S+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        (project.folder / name).write_text(text, encoding="utf-8")
    settings = read_yaml(project.folder / "config/tasks/my_task.yaml")
    count = sum(settings["splits"].values())
    records, _ = retrieve({"kind": "synthetic", "generator": "triage"}, seed=1, n=count)
    messages = [{"message": record["message"], "label": record["urgency"]} for record in records]
    (project.folder / "data").mkdir()
    write_csv(project.folder / settings["source"]["path"], messages, ["message", "label"])
    model = read_yaml(project.folder / "config/models/tiny-llama.yaml") | {"name": MODEL}
    model["pretraining"] = TINY | {"sliding_window": None}
    (project.folder / f"config/models/{MODEL}.yaml").write_text(yaml.safe_dump(model))
    for _ in ("sft", "dpo"):
        project.edit("config/config.yaml", "max_steps: 600, plateau: false", "max_steps: 60, plateau: false")
    return project


@pytest.mark.slow
def test_the_commands_of_an_own_study(own):
    printed = {}
    for command, files in MINE.items():
        typed = f"{command} -n" if command == SLURM else command
        typed = typed if FILE in typed else f"{typed} {FILE}"
        printed[command] = own.shell(f"{ACTIVATE} && {typed}")
        assert_files(own, files)
    for command in ("snakemake -n", SLURM):
        assert re.search(r"^train +9$", printed[command], re.MULTILINE)
    assert "Nothing to be done" in printed["snakemake --cores 8 --retries 2 --keep-going"]
    stats = rows(own.folder / "results/mine/my_task/stats.csv")
    assert {row["comparison"]: row["status"] for row in stats} == dict.fromkeys(
        ("sft_vs_base", "dpo_vs_base", "dpo_vs_sft"), "complete"
    )


@pytest.mark.slow
def test_a_command_writes_the_file_of_a_model_on_the_hub(own, tmp_path):
    config = b'{"model_type": "llama", "torch_dtype": "bfloat16"}'
    with serving(Hub({("models", "OWNER/NAME"): Repository({"a" * 40: {"config.json": config}})})) as hub:
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        own.shell(f"{ACTIVATE} && {NEW_FILE}", **environment)
    settings = read_yaml(own.folder / "config/models/name.yaml")
    assert (settings["id"], settings["revision"]) == ("OWNER/NAME", "a" * 40)


def assert_files(project: Project, names: list[str]) -> None:
    missing = [name for name in names if not Path(project.folder, name).is_file()]
    assert missing == []
