"""YAML files and schemas are read, and each mistake is refused with file, key and mend."""

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.schemas import SCHEMAS, read_yaml, validate


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a: [1\nb: 2\n", ["mine.yaml, line 2", "not valid YAML", "Correct this line"]),
        ("- a\n", ["mine.yaml", "a list", "Write a YAML mapping"]),
    ],
)
def test_a_file_without_a_mapping_is_refused_with_line_and_mend(tmp_path, text, parts):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert [part for part in parts if part not in str(error.value)] == [], str(error.value)


def test_a_missing_file_is_refused_with_the_nearest_name(tmp_path):
    (tmp_path / "mine.yaml").write_text("a: 1\n")
    with pytest.raises(UserError, match=r"mime\.yaml: no such file\. Did you mean 'mine'"):
        read_yaml(tmp_path / "mime.yaml")


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"idd": "1"}, ["key 'idd'", "Did you mean 'id'?"]),
        ({"id": 1}, ["key 'id'", "read as int, not as text. Put it in quotes", "Id of the item."]),
        ({"text": None}, ["key 'text'", "None is not of type 'string'"]),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_its_description(change, parts):
    with pytest.raises(UserError) as error:
        validate({"id": "1", "text": "yes"} | change, "answer", "answers.jsonl, line 3")
    assert [part for part in ("answers.jsonl, line 3", *parts) if part not in str(error.value)] == [], str(error.value)


def test_a_missing_key_is_refused():
    with pytest.raises(UserError, match=r"answers\.jsonl: key 'text' is missing\. Add it"):
        validate({"id": "1"}, "answer", "answers.jsonl")


def keys_without_value(value):
    """Keys of nested mappings that have no value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [key] if inner is None else keys_without_value(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_without_value(inner)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.yaml")), ids=lambda path: path.stem)
def test_no_description_is_cut_at_a_comma(path):
    """In a flow mapping the text after the comma of an unquoted description becomes a key without a value."""
    assert list(keys_without_value(read_yaml(path))) == []
