"""YAML files are read strictly: each fault is refused with file, line and mend, all faults of a file at once."""

import subprocess

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.yaml_files import read_yaml

TWICE = """\
title: A
labels: [a, b]
splits:
  train: 1
  test: 2
  train: 3
title: B
"""
WORDS = "title: Fièvre élevée\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a: [1\nb: 2\n", ["mine.yaml, line 2", "not valid YAML", "Close the bracket"]),
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


def refusal(path, content):
    """The message about a file with this content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as error:
        read_yaml(path)
    return str(error.value)


def test_keys_that_come_twice_are_refused_with_both_lines(tmp_path):
    message = refusal(tmp_path / "mine.yaml", TWICE)
    assert "lines 4 and 6: key 'train' comes twice" in message and "lines 1 and 7: key 'title' comes twice" in message


def test_an_anchor_may_be_merged_and_overridden(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")
    assert read_yaml(path)["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize("key", ["no", "Yes", "on", "off", "true", "~", "1", "007", "1.5", "2026-05-01"])
def test_a_key_that_yaml_reads_as_no_text_is_refused_with_the_key_in_quotes(tmp_path, key):
    message = refusal(tmp_path / "mine.yaml", f"label_synonyms:\n  {key}: [x]\n")
    assert "mine.yaml, line 2" in message and f'in quotes: "{key}"' in message
    (tmp_path / "mine.yaml").write_text(f'label_synonyms:\n  "{key}": [x]\n')
    assert read_yaml(tmp_path / "mine.yaml") == {"label_synonyms": {key: ["x"]}}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (
            WORDS.encode("cp1252"),
            ["mine.yaml, line 1: byte 0xe8 is not UTF-8", "'title: Fièvre élevée'", "iconv -f cp1252"],
        ),
        (WORDS.encode("utf-16"), ["the encoding is UTF-16", "iconv -f utf-16 -t utf-8 /", "/mine.yaml > /"]),
        (b"\xfe\xff" + WORDS.encode("utf-16-be"), ["the encoding is UTF-16"]),
        (b"title: a\0b", ["not valid YAML"]),
        ("prompt: {{ note }}\n", ["line 1", "in quotes"]),
        ("title: Charge #1\n", ["line 1: YAML reads #1 as a comment", "in quotes"]),
        ("labels: [a #b, c]\nd: 1\n", ["not valid YAML", "a blank and #, put it in quotes"]),
        ("title: Pain: acute\n", ["line 1", "colon and a blank, put the text in quotes"]),
        ("title: 90% of\nprompt: %a\n", ["line 2", "in quotes"]),
        ("a:\n\tb: 1\n", ["line 2", "not with tabs"]),
        ("title: 2026-13-45\n", ["mine.yaml", "in quotes"]),
    ],
)
def test_a_file_that_is_no_yaml_in_utf_8_is_refused_with_the_mend(tmp_path, content, parts):
    message = refusal(tmp_path / "mine.yaml", content)
    assert [part for part in parts if part not in message] == [], message


def test_comments_are_no_fault(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text('#first\na: 1 # one\nb: "Charge #1" # two\nc: x#y\n')
    assert read_yaml(path) == {"a": 1, "b": "Charge #1", "c": "x#y"}


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + WORDS.replace("\n", "\r\n").encode())
    assert read_yaml(path) == {"title": "Fièvre élevée"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("labels:\n- a\n - b\n- c\n", ["line 3", "joins this line", "dash"]),
        ("title: &x Fever\n", ["line 1", "&x", "in quotes"]),
        ("a: 1\nfrom: 2026-02-30\n", ["line 2", "2026-02-30", "in quotes"]),
        ("é: 1\ne\u0301: 2\n", ["lines 1 and 2", "comes twice"]),
        ("title: Charge #(1)\n", ["line 1", "#(1)", "in quotes"]),
        ("b: 'x\na: 1\n", ["line 1", "Close the quotation mark"]),
        ("title: a\x07b\n", ["line 1", "control character"]),
        ("title: !important x\n", ["line 1", "begins with !"]),
        ("title: > 50 mg\n", ["line 1", "begins with >"]),
        ("note: {{ note }} x\n", ["line 1", "Put a template in quotes"]),
        ('path: "C:\\data"\n', ["line 1", "single quotes"]),
        ("labels:\n-a\n-b\n", ["Write a blank after the dash"]),
        ("title: 'Crohn's disease'\n", ["line 1", "apostrophe, put the text in double quotes"]),
        ("labels: [#1, #2]\n", ["begins with #"]),
        ("a: 1\n---\nb: 2\n", ["line 2", "Remove the line ---"]),
        ("", ["contains nothing", "Write a YAML mapping"]),
    ],
)
def test_a_text_that_yaml_reads_in_another_way_is_refused_with_line_and_mend(tmp_path, text, parts):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert [part for part in parts if part not in str(error.value)] == [], str(error.value)
    assert "\n" not in str(error.value)


def test_true_and_1_are_two_keys(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("yes: a\n1: b\n")
    with pytest.raises(UserError, match="2 faults"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("codec", "name"),
    [("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE"), ("utf-32", "UTF-32"), ("cp1252", "cp1252")],
)
def test_the_message_names_the_encoding_and_its_command_converts_the_file_from_any_folder(tmp_path, codec, name):
    path = tmp_path / "my file.yaml"
    path.write_bytes(WORDS.encode(codec))
    with pytest.raises(UserError, match=f"the encoding is {name}") as error:
        read_yaml(path)
    command = str(error.value)[str(error.value).index("iconv") :]
    subprocess.run(command, shell=True, cwd=tmp_path.parent, check=True)
    assert read_yaml(path) == {"title": "Fièvre élevée"} and list(tmp_path.iterdir()) == [path]


def test_an_anchor_that_is_used_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: &x [1]\nb: *x\n")
    assert read_yaml(path) == {"a": [1], "b": [1]}
