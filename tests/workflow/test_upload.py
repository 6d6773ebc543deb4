"""The target `upload` sends the released folders of the named tasks to a hub on loopback."""

import pytest
import yaml

from clinical_dpo.config.study import merge
from clinical_dpo.io import read_json
from tests.helpers.hub_server import Hub, serving
from tests.helpers.workflow import Project

TOKEN = "hf_secretOfTheTest"
CONFIG = "config/uploading.yaml"
CHOSEN = [(model, stage) for model in ("tiny-llama", "tiny-mistral") for stage in ("sft", "dpo")]
UPLOAD = {"owner": "clinic", "visibility": "private", "tasks": ["uti"]}


@pytest.fixture
def hub():
    with serving(Hub(writers={TOKEN: "clinic"})) as served:
        yield served


@pytest.fixture
def uploading(hub, tmp_path):
    """A function that lets a copy of the demo with released folders take the target, for some settings of uploads."""
    client = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    project = Project.copy(tmp_path / "project", CONFIG, HF_TOKEN=TOKEN, HF_HUB_DISABLE_XET="1", **client)
    for model, stage in CHOSEN:
        card = project.folder / f"results/demo/uti/{model}/release/{stage}/README.md"
        card.parent.mkdir(parents=True)
        card.write_text(f"# {model} {stage}\n")

    def take(upload, **overrides):
        demo = yaml.safe_load((project.folder / "config/demo.yaml").read_text())
        settings = merge(demo, {"release": {"upload": upload}, "overrides": {"tasks": overrides}})
        (project.folder / CONFIG).write_text(yaml.safe_dump(settings))
        return project, project.snakemake(rules=["upload", "upload_model"], targets=["upload"])

    return take


def test_each_chosen_model_of_the_named_tasks_has_a_repository_and_a_record(hub, uploading):
    project, done = uploading(UPLOAD)
    assert done.returncode == 0, done.stderr
    assert {name for _, name in hub.repositories} == {f"clinic/demo-uti-{model}-{stage}" for model, stage in CHOSEN}
    for model, stage in CHOSEN:
        commits = hub.repositories["models", f"clinic/demo-uti-{model}-{stage}"].commits
        record = read_json(project.folder / f"results/demo/uti/{model}/release/{stage}.upload.json")
        assert commits[record["commit"]]["README.md"] == f"# {model} {stage}\n".encode()
    logs = [path.read_text() for path in (project.folder / "logs").rglob("*.log")]
    assert logs and not any(TOKEN in text for text in (*logs, done.stdout, done.stderr))


@pytest.mark.parametrize(
    ("upload", "overrides", "message"),
    [
        (None, {}, "config: key 'release.upload' is null"),
        (UPLOAD, {"uti": {"phi": True}}, "config/tasks/uti.yaml: key 'phi' is true"),
    ],
)
def test_without_the_key_and_for_a_private_task_nothing_is_sent(hub, uploading, upload, overrides, message):
    _, done = uploading(upload, **overrides)
    assert done.returncode and message in done.stderr and not hub.requests
