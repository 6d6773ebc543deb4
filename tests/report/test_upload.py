"""Upload of released folders, to a hub on loopback by the hub's own client."""

import pytest
from huggingface_hub import get_token

from clinical_dpo.checksums import write_checksums
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.config.uploads import repository
from clinical_dpo.errors import UserError
from clinical_dpo.report.upload import upload_release
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.hub_server import Hub, Repository, serving

TOKEN, OTHER = "hf_secretOfTheTest", "hf_anotherSecret"
NAME = "clinic/uti-tiny-sft"
A = "a" * 40
UPLOAD = {"owner": "clinic", "visibility": "private", "tasks": ["uti"]}


@pytest.fixture
def hub(monkeypatch):
    """A hub that the client reaches. Without Xet, the client sends large files by LFS."""
    with serving(Hub(writers={TOKEN: "clinic", OTHER: "elsewhere"})) as served:
        settings = {"ENDPOINT": served.url, "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True}
        for name, value in settings.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        yield served


@pytest.fixture
def folder(tmp_path):
    """A released folder: an adapter over a model of the hub."""
    out = tmp_path / "release"
    out.mkdir()
    (out / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    (out / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base", "revision": "' + A + '"}')
    (out / "adapter_model.safetensors").write_bytes(bytes(range(256)) * 40)
    write_checksums(out)
    return out


@pytest.fixture
def upload(folder, monkeypatch, capfd):
    """A function that uploads the folder. It returns the record, or the refusal, without any token in the output."""

    def run(name=NAME, visibility="private", phi=False, token=TOKEN):
        monkeypatch.delenv("HF_TOKEN", raising=False)
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        try:
            result = upload_release(folder, name, visibility, {"name": "uti", "phi": phi})
        except UserError as error:
            result = str(error)
        assert not any(secret in f"{result}{capfd.readouterr()}" for secret in (TOKEN, OTHER))
        return result

    return run


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def uploaded(hub, name=NAME):
    """Files of the newest commit, without the file that the hub wrote."""
    files = dict(list(hub.repositories["models", name].commits.values())[-1])
    del files[".gitattributes"]
    return files


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_a_new_repository_has_the_bytes_of_the_folder_and_the_visibility(hub, folder, upload, visibility):
    record = upload(visibility=visibility)
    stored = hub.repositories["models", NAME]
    assert uploaded(hub) == contents(folder)
    assert stored.facts == {"private": visibility == "private"}
    commit = list(stored.commits)[-1]
    url = f"https://huggingface.co/{NAME}/tree/{commit}"
    assert record == {"repository": NAME, "visibility": visibility, "commit": commit, "url": url}


def test_a_second_upload_replaces_and_deletes_files_in_one_commit(hub, folder, upload):
    (folder / "old.txt").write_text("gone")
    upload()
    (folder / "old.txt").unlink()
    (folder / "README.md").write_text("# Another card\n")
    upload()
    assert uploaded(hub) == contents(folder) and len(hub.repositories["models", NAME].commits) == 3


def test_a_private_task_is_refused_before_any_request(hub, upload):
    message = upload(phi=True)
    assert "key 'release.upload.tasks' names 'uti'" in message and "config/tasks/uti.yaml: key 'phi' is true" in message
    assert not hub.requests


def test_a_config_that_would_upload_a_private_task_is_refused():
    phi = {"release": {"upload": UPLOAD}, "overrides": {"tasks": {"uti": {"phi": True}}}}
    with pytest.raises(UserError, match=r"'release\.upload\.tasks' names 'uti'.*config/tasks/uti\.yaml: key 'phi'"):
        load_study(merge(PUBLISHED, phi), ROOT)
    load_study(merge(PUBLISHED, phi | {"overrides": {}}), ROOT)


def test_an_unknown_task_is_refused_with_a_similar_one():
    change = {"release": {"upload": UPLOAD | {"tasks": ["utis"]}}}
    with pytest.raises(
        UserError, match=r"'release\.upload\.tasks' names 'utis', which is not a task.*Did you mean 'uti'"
    ):
        load_study(merge(PUBLISHED, change), ROOT)


def test_without_a_token_in_the_environment_nothing_is_sent(hub, upload, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "token").write_text(TOKEN)  # of an earlier login, which counts for downloads only
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    assert get_token() == TOKEN
    assert "HF_TOKEN is not set" in upload(token=None) and not hub.requests


def test_a_token_without_the_right_is_refused_with_the_owner(hub, upload):
    message = upload(token=OTHER)
    assert "status 403" in message and "write to the repositories of 'clinic'" in message
    assert not hub.repositories


def test_a_repository_that_others_can_see_gets_no_file_of_a_private_upload(hub, upload):
    hub.repositories["models", NAME] = Repository({A: {".gitattributes": b""}}, facts={"private": False})
    message = upload()
    assert "'release.upload.visibility' is 'private'" in message and "is 'public'" in message
    assert uploaded(hub) == {} and not hub.uploads


def test_an_unreachable_hub_is_refused_with_what_to_do(hub, upload, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "Unset HF_HUB_OFFLINE" in upload() and not hub.requests


def test_an_adapter_over_a_folder_of_this_computer_needs_merged_weights(hub, folder, upload):
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "../base", "revision": null}')
    message = upload()
    assert "release: {merged: true}" in message and not hub.requests
    (folder / "merged").mkdir()
    assert upload()["repository"] == NAME


def test_a_repository_is_named_by_run_task_model_and_stage():
    config = {"release": {"upload": UPLOAD}, "run_name": "ward-"}
    assert repository(config, "uti", "tiny", "dpo") == "clinic/ward-uti-tiny-dpo"
    assert repository(config | {"run_name": None}, "uti", "tiny", "sft") == NAME


def test_a_name_that_the_hub_does_not_allow_is_refused(hub, upload):
    assert "shorten the name" in upload(name="clinic/" + "x" * 100)
    assert not hub.requests
