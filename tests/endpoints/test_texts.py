"""Texts that another model writes for a task: prompts, records and provenance; the jobs; both ways for real."""

import re

import pytest
import yaml

from clinical_dpo.checksums import write_checksums
from clinical_dpo.config.loading import load_study
from clinical_dpo.data.preferences import preference_pairs
from clinical_dpo.data.rows import task_rows
from clinical_dpo.endpoints.generated_fields.fields import marked, text_prompts, texts_report, with_texts, written_texts
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json, read_jsonl, write_json
from clinical_dpo.schemas import read_yaml
from tests.conftest import MODEL, ROOT, TINY
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.workflow import Project

RECORDS = [
    {"idx": "7", "note": "cut", "full_note": "Admitted with pyelonephritis; discharged on ciprofloxacin."},
    {"idx": "8", "note": "cut", "full_note": "Elective hernia repair without complication."},
]
COLUMNS = {"id": "idx", "note": "full_note"}
PROMPT = "Summarize: {{ note }}"
WRITER = {"written_by": "model llama2-7b-chat", "model": "meta-llama/Llama-2-7b-chat-hf", "revision": "f5db"}


def said(*texts, finish_reason="stop"):
    return [{"text": text, "tokens": len(text.split()), "finish_reason": finish_reason} for text in texts]


def asked(records, texts=None, prompt=PROMPT, columns=COLUMNS):
    return text_prompts(records, texts or {}, prompt, columns, False, "source.jsonl")


def written(records, *texts, **more):
    return written_texts(asked(records), said(*texts, **more), WRITER, PROMPT, "source.jsonl")


def test_a_writer_is_asked_about_the_tasks_own_fields():
    rows = asked(RECORDS)
    assert [(row["id"], row["number"]) for row in rows] == [("7", 1), ("8", 2)]
    assert rows[0]["prompt"] == [{"role": "user", "content": f"Summarize: {RECORDS[0]['full_note']}"}]
    bare = asked([{"note": "a"}, {"note": "b"}, {"note": "a"}], columns={})
    assert [row["number"] for row in bare] == [1, 2] and len({row["id"] for row in bare}) == 2


def test_a_prompt_may_ask_about_another_text():
    notes = written([{"id": "1", "full_note": "x", "idx": "7"}], "A note that was written.")
    rows = asked([{"idx": "7"}], {"vignette": notes}, "Shorten: {{ vignette }}", {"id": "idx"})
    assert rows[0]["prompt"][0]["content"] == "Shorten: A note that was written."


def test_what_cannot_be_asked_names_file_and_row():
    with pytest.raises(UserError, match=r"source\.jsonl, row 2: .*full_note"):
        asked([RECORDS[0], {"idx": "8"}])
    with pytest.raises(UserError, match="row 2: its id is also that of row 1"):
        asked([RECORDS[0], RECORDS[1] | {"idx": "7"}])
    with pytest.raises(UserError, match=r"row 2: .*wrote nothing.*1 of 2"):
        written(RECORDS, "Fine.", " \n")
    with pytest.raises(UserError, match="row 2: no 'rejected' was written"):
        with_texts(RECORDS, {"rejected": written(RECORDS[:1], "Fine.")}, COLUMNS, False, "source.jsonl")


def test_a_text_says_where_it_is_from():
    first, second = written(RECORDS, " Short. ", "Other words.")
    assert first["text"] == "Short." and first["finish_reason"] == "stop" and first["tokens"] == 1
    assert WRITER.items() <= first.items() and len(first["prompt_sha256"]) == 64
    cut = written(RECORDS, "a b c", "d", finish_reason="length")
    report = texts_report({"reference": [first, second | {"model": "another"}], "rejected": cut})
    assert report["rejected"] == {**WRITER, "prompt_sha256": first["prompt_sha256"], "texts": 2, "tokens": 4, "cut": 2}
    assert report["reference"]["model"] == ["another", WRITER["model"]] and report["reference"]["cut"] == 0


def test_texts_become_answers_and_their_origin_stays_with_the_pair():
    texts = {"reference": written(RECORDS, "Good.", "Better."), "rejected": written(RECORDS, "Bad.", "Worse.")}
    task = {"name": "notes", "answer_type": "text", "columns": COLUMNS, "prompt": PROMPT}
    records = with_texts([record | {"reference": "old"} for record in RECORDS], texts, COLUMNS, False, "source.jsonl")
    rows = marked(task_rows(records, task, {"data": "real", "id": "notes"}), texts)
    assert [row["completion"][0]["content"] for row in rows] == ["Good.", "Better."]
    pairs, _ = preference_pairs(rows, "field", seed=1)
    assert [pair["rejected"][0]["content"] for pair in pairs] == ["Bad.", "Worse."]
    assert {pair["rejected_from"] for pair in pairs} == {"model llama2-7b-chat"}
    assert with_texts(RECORDS, {}, COLUMNS, False, "") == RECORDS and marked(rows, {}) == rows


PUBLISHED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
TASK = yaml.safe_load((ROOT / "config/tasks/summarization_notes.yaml").read_text()) | {
    "name": "notes",
    "source": {"kind": "synthetic", "generator": "summarization"},
    "columns": {},
    "prompt": "{{ note }} Summarize.",
    "when_missing": "synthetic",
    "stand_in": {"kind": "synthetic", "generator": "summarization"},
    "grader": "rouge_likert",
}
del TASK["judge"]
ENDPOINT = {"base_url": "https://models.example.org/v1", "model": "m", "key_variable": "NO_SUCH_KEY", "concurrency": 2}
ENDPOINT |= {"timeout_seconds": 20, "max_tokens": 8}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Load a study of one task whose texts are these."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/tasks").mkdir(parents=True)
    (tmp_path / "config/models").symlink_to(ROOT / "config/models")

    def load(texts, overrides=None, **task):
        (tmp_path / "config/tasks/notes.yaml").write_text(yaml.safe_dump(TASK | {"generated_fields": texts} | task))
        config = {"tasks": ["notes"], "figure2": {}, "endpoints": {"outside": ENDPOINT}}
        config["overrides"] = {"tasks": {"notes": overrides or {}}}
        return load_study(PUBLISHED | config, tmp_path)

    return load


def by(**writer):
    return {"prompt": "Summarize: {{ note }}", "max_new_tokens": 20, **writer}


LLAMA2 = by(model="llama2-7b-chat")


@pytest.mark.parametrize(
    ("texts", "task", "message"),
    [
        ({"reference": by()}, {}, "generated_fields.reference' needs one of model and endpoint"),
        ({"reference": LLAMA2 | {"endpoint": "outside"}}, {}, "needs one of model and endpoint"),
        ({"reference": by(endpoint="outsid")}, {}, "'outsid' is no entry .* Did you mean 'outside'"),
        ({"reference": by(model="llama2")}, {}, r"llama2\.yaml: no such file"),
        ({"reference": by(endpoint="outside")}, {"phi": True}, "private .*outside.* models.example.org"),
        ({"summary": LLAMA2}, {}, "generated_fields.summary': nothing uses this text"),
        (
            {"rejected": LLAMA2},
            {"rejected_source": "sft_prediction"},
            "generated_fields.rejected': .*rejected_source: field",
        ),
        (
            {"reference": LLAMA2 | {"prompt": "{{ note"}},
            {},
            "generated_fields.reference.*line 1: not a valid Jinja template",
        ),
        (
            {"reference": LLAMA2 | {"prompt": "{{ rejected }}"}, "rejected": LLAMA2 | {"prompt": "{{ reference }}"}},
            {},
            "reference, rejected ask about one another",
        ),
        ({"reference": LLAMA2}, {"columns": {"reference": "gold"}}, "columns.reference takes it from the source"),
        ({"id": LLAMA2}, {}, "generated_fields"),
    ],
)
def test_texts_that_cannot_or_must_not_be_written_are_refused(study, texts, task, message):
    with pytest.raises(UserError, match=message):
        study(texts, **task)


@pytest.mark.parametrize("policy", ["synthetic", "leave_out", "error"])
def test_an_endpoint_without_its_key_is_missing_data(study, policy, tmp_path, monkeypatch):
    texts = {"reference": by(endpoint="outside"), "rejected": LLAMA2}
    if policy == "synthetic":
        assert study(texts).is_synthetic("notes") and study(texts).texts("notes") == {}
        file = tmp_path / "results/notes/data/texts/reference.outside.jsonl"
        file.parent.mkdir(parents=True)
        file.touch()  # what was written once needs no key
        assert study(texts).texts("notes") == texts
    else:
        with pytest.raises(UserError, match="NO_SUCH_KEY is not set" if policy == "error" else "No task is left"):
            study(texts, when_missing=policy)
    monkeypatch.setenv("NO_SUCH_KEY", "k")
    found = study(texts, when_missing=policy)
    assert list(found.texts("notes")) == ["reference", "rejected"] and not found.is_missing("notes")
    assert "llama2-7b-chat" in found.models and "llama2-7b-chat" not in found.task_models("notes")


def test_a_run_may_name_another_writer(study):
    texts = {"reference": by(endpoint="outside"), "rejected": LLAMA2}
    found = study(
        texts, {"generated_fields": {"reference": {"model": "tiny-llama"}, "rejected": {"max_new_tokens": 9}}}
    )
    assert found.texts("notes") == {"reference": by(model="tiny-llama"), "rejected": LLAMA2 | {"max_new_tokens": 9}}


@pytest.fixture(scope="module")
def scribe():
    """An OpenAI-compatible server whose model repeats a note's first words."""
    with FaultyServer(say=lambda messages: " ".join(messages[-1]["content"].split()[1:5])) as server:
        yield server


def test_a_prompt_that_a_model_cannot_read_whole_names_its_row(tiny_base):
    from clinical_dpo.endpoints.generated_fields.by_model import texts_of_model

    rows = asked([RECORDS[0], RECORDS[1] | {"full_note": "fever " * 900}])
    with pytest.raises(UserError, match=r"source\.jsonl, row 2: .*1 of 2 prompts.*1000 leave room for 24 more"):
        texts_of_model(tiny_base, MODEL, rows, TINY["max_positions"] - 1000, 2, "source.jsonl")


@pytest.fixture(scope="module")
def project(tmp_path_factory, scribe):
    """A study on generated notes: references by an endpoint, rejected answers by a model that is not trained."""
    made = Project.copy(tmp_path_factory.mktemp("project"), "texts.yaml")
    task = TASK | {
        "generated_fields": {
            "reference": by(endpoint="scribe"),
            "rejected": {"model": "tiny-llama", "prompt": "Shorten: {{ note }}", "max_new_tokens": 6},
        },
        "splits": {"train": 8, "eval": 4, "dev": 2, "test": 4},
    }
    (made.folder / "config/tasks/notes.yaml").write_text(yaml.safe_dump(task))
    local = ENDPOINT | {"base_url": scribe.url, "key_variable": None}
    config = {
        "run_name": "texts",
        "tasks": ["notes"],
        "figure2": {"c": "notes"},
        "recipes": {"savage2025": {"models": ["tiny-mistral"]}},
        "endpoints": {"scribe": local},
        "compute": {"threads": 1},
    }
    (made.folder / "texts.yaml").write_text(yaml.safe_dump(config))
    return made


def never_silent(base):
    """A barely trained model that never ends at once: the logit of its end token is zero."""
    import torch
    from safetensors.torch import load_file, save_file

    from clinical_dpo.models.load import BASE_RECORD
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
    of_writer = {rule for rule, wildcards in jobs if re.search(r"model=tiny-llama\b", wildcards)}
    assert of_writer == {"build_base_model", "write_texts_by_model"}


def test_both_ways_write_texts_for_real(project, scribe):
    never_silent(project.folder / "results/texts/models/tiny-llama")
    project.run(MANIFEST)
    records = read_jsonl(project.folder / DATA / "source.jsonl")
    names = ("reference.scribe", "rejected.tiny-llama")
    by_server, by_model = (read_jsonl(project.folder / DATA / f"texts/{name}.jsonl") for name in names)
    for rows in (by_server, by_model):
        assert [row["id"] for row in rows] == [record["id"] for record in records] and len(records) == 18
    assert [row["text"].split() for row in by_server] == [record["note"].split()[:4] for record in records]
    assert {(row["model"], row["finish_reason"]) for row in by_server} == {("tiny-judge-2026", "stop")}
    assert {body["max_tokens"] for body in scribe.received} == {20} and len(scribe.received) == 18
    replies = read_jsonl(project.folder / DATA / "texts/reference.scribe.replies.jsonl")
    assert [row["event"] for row in replies].count("sent") == 18
    assert {(row["model"], row["revision"], row["tokens"]) for row in by_model} == {("tiny-llama", "weights", 6)}

    manifest = read_json(project.folder / MANIFEST)["texts"]
    assert manifest["reference"]["written_by"] == "endpoint scribe" and manifest["reference"]["cut"] == 0
    assert manifest["rejected"]["texts"] == manifest["rejected"]["cut"] == 18
    texts = [{row["id"]: row["text"] for row in rows} for rows in (by_server, by_model)]
    for row in read_jsonl(project.folder / DATA / "train.jsonl"):
        assert [row["completion"][0]["content"], row["rejected"]] == [text[row["id"]] for text in texts]
        assert row["written_by"] == {"reference": "endpoint scribe", "rejected": "model tiny-llama"}


def test_a_prompt_writes_its_own_texts_anew_and_an_endpoints_pace_none(project):
    """After the real run."""
    project.edit("config/tasks/notes.yaml", "Shorten:", "Cut short:")
    project.edit("texts.yaml", "concurrency: 2", "concurrency: 3")
    assert project.planned(MANIFEST) == {BY_MODEL, SPLIT}
