"""Settings of generated fields: refused ones, missing keys of endpoints, and writers that a run overrides."""

import pytest
import yaml

from clinical_dpo.config.loading import load_study
from clinical_dpo.errors import UserError
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.generated_fields import ENDPOINT, TASK, field

PUBLISHED = read_yaml(ROOT / "config/config.yaml")
LLAMA2 = field(model="llama2-7b-chat")


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function that loads a study of a single task with the passed generated fields."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/tasks").mkdir(parents=True)
    (tmp_path / "config/models").symlink_to(ROOT / "config/models")

    def load(texts, overrides=None, **task):
        (tmp_path / "config/tasks/notes.yaml").write_text(yaml.safe_dump(TASK | {"generated_fields": texts} | task))
        config = {"tasks": ["notes"], "figure2": {}, "endpoints": {"outside": ENDPOINT}}
        config["overrides"] = {"tasks": {"notes": overrides or {}}}
        return load_study(PUBLISHED | config, tmp_path)

    return load


@pytest.mark.parametrize(
    ("fields", "task", "words"),
    [
        ({"reference": field()}, {}, ["generated_fields.reference", "model", "endpoint"]),
        ({"reference": LLAMA2 | {"endpoint": "outside"}}, {}, ["generated_fields.reference", "model", "endpoint"]),
        ({"reference": field(endpoint="outsid")}, {}, ["'outsid'", "'outside'"]),
        ({"reference": field(model="llama2")}, {}, ["llama2.yaml: no such file"]),
        ({"reference": field(endpoint="outside")}, {"phi": True}, ["private", "outside", "models.example.org"]),
        ({"summary": LLAMA2}, {}, ["generated_fields.summary"]),
        (
            {"rejected": LLAMA2},
            {"rejected_source": "sft_prediction"},
            ["generated_fields.rejected", "rejected_source: field"],
        ),
        (
            {"reference": LLAMA2 | {"prompt": "{{ note"}},
            {},
            ["generated_fields.reference", "line 1", "Jinja template"],
        ),
        (
            {"reference": LLAMA2 | {"prompt": "{{ rejected }}"}, "rejected": LLAMA2 | {"prompt": "{{ reference }}"}},
            {},
            ["reference, rejected"],
        ),
        ({"reference": LLAMA2}, {"columns": {"reference": "gold"}}, ["columns.reference"]),
        ({"id": LLAMA2}, {}, ["generated_fields"]),
        ({"summary": LLAMA2}, {"columns": {"reference": "{{ summary"}}, ["key 'columns.reference'", "Jinja template"]),
    ],
)
def test_an_invalid_generated_field_is_refused(study, fields, task, words):
    with pytest.raises(UserError) as error:
        study(fields, **task)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    "task",
    [
        {"columns": {"reference": "summary"}},
        {"columns": {"reference": "{{ summary }} {{ note }}"}},
        {"columns": {"reference": "note", "accepted": ["note", "summary"]}},
        {"group": "{{ summary[:9] }}"},
        {"subgroups": [{"name": "length", "column": "{{ summary | length }}", "edges": [90]}]},
    ],
)
def test_a_generated_field_may_be_used_as_a_column(study, task):
    assert study({"summary": LLAMA2}, **task).generated_fields("notes") == {"summary": LLAMA2}


@pytest.mark.parametrize("policy", ["synthetic", "leave_out", "error"])
def test_a_field_of_an_endpoint_without_its_key_counts_as_missing_data(study, policy, tmp_path, monkeypatch):
    texts = {"reference": field(endpoint="outside"), "rejected": LLAMA2}
    if policy == "synthetic":
        assert study(texts).is_synthetic("notes") and study(texts).generated_fields("notes") == {}
        file = tmp_path / "results/notes/data/texts/reference.outside.jsonl"
        file.parent.mkdir(parents=True)
        file.touch()  # texts that exist need no key
        assert study(texts).generated_fields("notes") == texts
    else:
        with pytest.raises(UserError, match="NO_SUCH_KEY is not set" if policy == "error" else "tasks are left out"):
            study(texts, when_missing=policy)
    monkeypatch.setenv("NO_SUCH_KEY", "k")
    loaded = study(texts, when_missing=policy)
    assert list(loaded.generated_fields("notes")) == ["reference", "rejected"] and not loaded.is_missing("notes")
    assert "llama2-7b-chat" in loaded.models and "llama2-7b-chat" not in loaded.task_models("notes")


def test_a_run_may_name_another_writer(study):
    texts = {"reference": field(endpoint="outside"), "rejected": LLAMA2}
    loaded = study(
        texts, {"generated_fields": {"reference": {"model": "tiny-llama"}, "rejected": {"max_new_tokens": 9}}}
    )
    assert loaded.generated_fields("notes") == {
        "reference": field(model="tiny-llama"),
        "rejected": LLAMA2 | {"max_new_tokens": 9},
    }
