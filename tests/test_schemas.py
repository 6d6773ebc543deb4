"""Settings are checked against schemas, and each mistake is refused with file, key and mend."""

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.schemas import SCHEMAS, validate
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"idd": "1"}, ["key 'idd'", "Did you mean 'id'?"]),
        ({"id": 1}, ["key 'id'", "digits are read as a number: put the text in quotes", "Id of the item."]),
        ({"text": None}, ["key 'text'", "None is not of type 'string'"]),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_its_description(change, parts):
    with pytest.raises(UserError) as error:
        validate({"id": "1", "text": "yes"} | change, "answer", "answers.jsonl, line 3")
    assert [part for part in ("answers.jsonl, line 3", *parts) if part not in str(error.value)] == [], str(error.value)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("labels: [yes, no]", ["labels.0", "yes, no, on and off", "in quotes", "labels.1"]),
        ("title: 2026-05-01", ["key 'title': 2026-05-01 is not", "as a date"]),
        ("title: 12:30", ["750 is not", "digits are read as a number", "all its digits"]),
        ("source: {kind: hub, id: a/b, revision: 00012345, splits: [train]}", ["source.revision", "in quotes"]),
        ("title:", ["The value is empty: write a text"]),
        ("title: {a: b}", ["brackets", "in quotes"]),
        ("training: {sft: {learning_rate: [1e-5]}}", ["sft.learning_rate.0", "write 1.0e-5"]),
        ("training: {sft: {learning_rate: [2E5, 1.5e-6]}}", ["learning_rate.0", "write 2.0e+5"]),
        ("margin: '0,05'", ["Write 0.05 without quotes, with a decimal point"]),
        ("max_new_tokens: '32'", ["Write 32 without quotes"]),
        ("max_new_tokens: 32.5", ["32.5 is not of type 'integer'"]),
        ("phi: 'yes'", ["Write true or false without quotes"]),
        ("training: {sft: {optimizer: adamw_trch}}", ["'adamw_trch' is not known", "Did you mean 'adamw_torch'?"]),
        ("training: {sft: {lr_scheduler_type: cosin}}", ["Did you mean 'cosine'?"]),
        ("training: {dpo: {loss: sigmod}}", ["Did you mean 'sigmoid'?"]),
        ("grader: lable", ["Did you mean 'label'?"]),
    ],
)
def test_a_value_that_yaml_reads_as_another_type_is_refused_with_the_mend(tmp_path, written, parts):
    path = tmp_path / "mine.yaml"
    path.write_text(written)
    task = read_yaml(ROOT / "config/tasks/uti.yaml") | read_yaml(path)
    with pytest.raises(UserError) as error:
        validate(task, "task", "mine.yaml")
    assert [part for part in parts if part not in str(error.value)] == [], str(error.value)


def test_all_mistakes_are_in_one_message():
    task = read_yaml(ROOT / "config/tasks/uti.yaml") | {"titel": "a", "labls": [], "phi": "x"}
    del task["prompt"]
    with pytest.raises(UserError) as error:
        validate(task, "task", "uti.yaml")
    first, *lines = str(error.value).split("\n")
    assert first == "uti.yaml: 4 mistakes" and len(lines) == 4
    for key in ("'titel'", "'labls'", "'phi'", "'prompt' is missing"):
        assert sum(key in line for line in lines) == 1


def test_a_missing_key_is_refused():
    with pytest.raises(UserError, match=r"answers\.jsonl: key 'text' is missing\. Add it"):
        validate({"id": "1"}, "answer", "answers.jsonl")


def keys_without_value(value):
    """Keys of nested mappings that have no value. A default may be null."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [key] if inner is None and key != "default" else keys_without_value(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_without_value(inner)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.yaml")), ids=lambda path: path.stem)
def test_no_description_is_cut_at_a_comma(path):
    """In a flow mapping the text after the comma of an unquoted description becomes a key without a value."""
    assert list(keys_without_value(read_yaml(path))) == []


TASK = read_yaml(ROOT / "config/tasks/uti.yaml")


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"labels": "UTI, No UTI"}, "key 'labels': 'UTI, No UTI' is not of type 'array'. Write a list: [UTI, No UTI]."),
        ({"labels": "-a -b"}, "Write a blank after each dash of the list."),
        ({"max_new_tokens": 16.0}, "key 'max_new_tokens': 16.0 is not of type 'integer'. Write 16."),
        ({"training": {"sft": {"batch_size": 8.0}}}, "key 'training.sft.batch_size': 8.0 is not of type 'integer'."),
        ({"training": {"sft": {"max_steps": "1e3"}}}, "Write 1000 without quotes."),
        (
            {"source": {"kind": "file", "path": "a.xlsx", "as": "nummber"}},
            "'nummber' is not known. Did you mean 'number'?",
        ),
        (
            {"source": {"kind": "file", "path": "a.xlsx", "as": {"Share": "numbers"}}},
            "key 'source.as.Share': 'numbers' is not known. Did you mean 'number'?",
        ),
        ({"source": {"kind": "file", "path": ""}}, "key 'source.path': '' should be non-empty."),
        ({"source": {"kind": "file", "path": "a.csv", "delimiter": "tab"}}, 'the tab is "\\t" in double quotes.'),
        ({"source": {"path": "a.csv"}}, "config/tasks/uti.yaml: key 'source.kind' is missing. Add it."),
    ],
)
def test_a_value_of_another_form_is_refused_once_with_the_mend(change, mistake):
    with pytest.raises(UserError) as error:
        validate(TASK | change, "task", "config/tasks/uti.yaml")
    assert mistake in str(error.value) and "mistakes" not in str(error.value)
