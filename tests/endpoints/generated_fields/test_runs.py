"""Generated fields in a run: its jobs, texts of an endpoint and of a local model, and reruns."""

import re

import pytest
import yaml

from clinical_dpo.checksums import BASE_RECORD, write_checksums
from clinical_dpo.io import read_json, read_jsonl, write_json
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT, TINY
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.generated_fields import ENDPOINT, TASK, field
from tests.helpers.workflow import Project


@pytest.fixture(scope="module")
def scribe():
    """An OpenAI-compatible server whose model repeats a note's first words."""
    with FaultyServer(say=lambda messages: " ".join(messages[-1]["content"].split()[1:5])) as server:
        yield server


@pytest.fixture(scope="module")
def project(tmp_path_factory, scribe):
    """A study on generated notes. An endpoint writes reference answers, and an untrained model rejected answers."""
    copy = Project.copy(tmp_path_factory.mktemp("project"), "texts.yaml")
    task = TASK | {
        "generated_fields": {
            "reference": field(endpoint="scribe"),
            "rejected": {"model": "tiny-llama", "prompt": "Shorten: {{ note }}", "max_new_tokens": 6},
        },
        "splits": {"train": 8, "eval": 4, "dev": 2, "test": 4},
    }
    (copy.folder / "config/tasks/notes.yaml").write_text(yaml.safe_dump(task))
    local = ENDPOINT | {"base_url": scribe.url, "key_variable": None}
    config = {
        "run_name": "texts",
        "allow_generated": True,
        "tasks": ["notes"],
        "figure2": {"c": "notes"},
        "recipes": {"savage2025": {"models": ["tiny-mistral"]}},
        "endpoints": {"scribe": local},
        "compute": {"threads": 1},
    }
    (copy.folder / "texts.yaml").write_text(yaml.safe_dump(config))
    return copy


def save_model_of_long_texts(base):
    """Save a barely trained model whose texts are never empty: the logit of its end token is zero."""
    import torch
    from safetensors.torch import load_file, save_file

    from clinical_dpo.models.tiny.pretraining import build_tiny_model
    from clinical_dpo.tokenization.tokenizer import load_tokenizer

    build_tiny_model("llama", TINY | {"sliding_window": None}, 7, base)
    weights = load_file(base / "model.safetensors")
    weights["model.embed_tokens.weight"][load_tokenizer(base).eos_token_id] = torch.zeros(TINY["hidden_size"])
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    write_json(base / BASE_RECORD, {"source": "pretrain", "id": "tiny-llama", "revision": "weights"})
    settings = read_yaml(ROOT / "config/models/tiny-llama.yaml")
    model = {key: settings[key] for key in ("architecture", "pretraining")}
    write_json(base / "run.json", {"made_with": {"model": model, "seed": 42}})
    write_checksums(base)


DATA = "results/texts/notes/data"
MANIFEST = f"{DATA}/manifest.json"
BY_MODEL = ("write_texts_by_model", "task=notes, field=rejected, model=tiny-llama")
BY_ENDPOINT = ("write_texts_by_endpoint", "task=notes, field=reference, endpoint=scribe")
SPLIT = ("split_dataset", "task=notes")


def test_a_model_that_writes_texts_is_not_trained(project):
    jobs = project.planned()
    assert {BY_MODEL, BY_ENDPOINT, SPLIT} <= jobs
    rules_of_writer = {rule for rule, wildcards in jobs if re.search(r"model=tiny-llama\b", wildcards)}
    assert rules_of_writer == {"build_base_model", "write_texts_by_model"}


@pytest.fixture(scope="module")
def texts(project):
    """The texts of a finished run: those of the endpoint, and those of the model."""
    save_model_of_long_texts(project.folder / "results/texts/models/tiny-llama")
    project.run(MANIFEST)
    names = ("reference.scribe", "rejected.tiny-llama")
    return [read_jsonl(project.folder / DATA / f"texts/{name}.jsonl") for name in names]


def test_every_record_gets_a_text_of_the_endpoint_and_of_the_model(project, texts):
    ids = [record["id"] for record in read_jsonl(project.folder / DATA / "source.jsonl")]
    assert len(ids) == 18
    assert [[row["id"] for row in rows] for rows in texts] == [ids, ids]


def test_a_text_of_an_endpoint_is_its_reply(project, texts, scribe):
    by_endpoint, _ = texts
    records = read_jsonl(project.folder / DATA / "source.jsonl")
    assert [row["text"].split() for row in by_endpoint] == [record["note"].split()[:4] for record in records]
    assert {(row["model"], row["finish_reason"]) for row in by_endpoint} == {("tiny-judge-2026", "stop")}
    assert {body["max_tokens"] for body in scribe.received} == {20} and len(scribe.received) == 18


def test_replies_of_an_endpoint_are_stored(project, texts):
    replies = read_jsonl(project.folder / DATA / "texts/reference.scribe.replies.jsonl")
    assert [row["event"] for row in replies].count("sent") == 18


def test_a_text_of_a_model_names_its_revision_and_has_at_most_max_new_tokens(texts):
    _, by_model = texts
    assert {(row["model"], row["revision"], row["tokens"]) for row in by_model} == {("tiny-llama", "weights", 6)}


def test_the_manifest_counts_texts_and_cut_texts(project, texts):
    manifest = read_json(project.folder / MANIFEST)["texts"]
    assert manifest["reference"]["written_by"] == "endpoint scribe" and manifest["reference"]["cut"] == 0
    assert manifest["rejected"]["texts"] == manifest["rejected"]["cut"] == 18


def test_texts_are_the_answers_of_the_task_rows(project, texts):
    by_field = [{row["id"]: row["text"] for row in rows} for rows in texts]
    for row in read_jsonl(project.folder / DATA / "train.jsonl"):
        assert [row["completion"][0]["content"], row["rejected"]] == [text[row["id"]] for text in by_field]
        assert row["written_by"] == {"reference": "endpoint scribe", "rejected": "model tiny-llama"}


def test_a_changed_prompt_reruns_only_its_own_field_and_an_endpoint_s_pace_reruns_nothing(project, texts):
    project.edit("config/tasks/notes.yaml", "Shorten:", "Cut short:")
    project.edit("texts.yaml", "concurrency: 2", "concurrency: 3")
    assert project.planned(MANIFEST) == {BY_MODEL, SPLIT}
