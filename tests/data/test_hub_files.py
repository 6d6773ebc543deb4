"""Selection of a hub repository's files: by the card's patterns, among the files that the commit lists."""

import re
from fnmatch import fnmatchcase

import datasets
import fsspec.utils
import pytest

from clinical_dpo.data.sources import hub_files
from clinical_dpo.data.sources.hub_files import matches_pattern, split_files
from clinical_dpo.errors import UserError
from tests.helpers.hub_cards import card, config

NAMES = ["README.md", "data/train.csv", "data/test.csv", "other/notes.csv"]


ELSEWHERE = [
    "/etc/passwd.csv",
    "/srv/private/rows.csv",
    "//host/rows.csv",
    "../../rows.csv",
    "data/../../../rows.csv",
    "data/..",
    "file:///srv/private/rows.csv",
    "FILE:///srv/private/rows.csv",
    "hf://datasets/another/repository@main/train.csv",
    "https://example.org/rows.csv",
    "zip://rows.csv::/srv/private/rows.zip",
    "simplecache::data/train.csv",
    "~/rows.csv",
    "~root/rows.csv",
    "C:/rows.csv",
    "..\\rows.csv",
]


@pytest.mark.parametrize("path", ELSEWHERE)
@pytest.mark.parametrize(
    "form",
    [
        lambda path: config(path),
        lambda path: config([path]),
        lambda path: config(["data/train.csv", path]),
        lambda path: config([{"split": "train", "path": path}]),
        lambda path: config([{"split": "train", "path": "data/train.csv"}, {"split": "test", "path": [path]}]),
        lambda path: {"config_name": "one", "data_dir": path},
        lambda path: config("train.csv", data_dir=path),
    ],
)
def test_a_card_that_names_a_file_outside_of_its_repository_is_refused(path, form):
    with pytest.raises(
        UserError, match=r"owner/set, config one: the README.md names .* lies outside of the repository"
    ) as error:
        split_files(card(form(path)), NAMES, "one", "owner/set")
    assert path in str(error.value)


@pytest.mark.parametrize(
    ("data_files", "expected"),
    [
        ("data/*.csv", {"train": ["data/test.csv", "data/train.csv"]}),
        (["./data/train.csv"], {"train": ["data/train.csv"]}),
        ([{"split": "test", "path": ["data/te*", "**/notes.csv"]}], {"test": ["data/test.csv", "other/notes.csv"]}),
        (["other/*", "data/train.csv", "**/train.csv"], {"train": ["other/notes.csv", "data/train.csv"]}),
    ],
)
def test_patterns_select_among_the_files_of_the_commit(data_files, expected):
    assert split_files(card(config(data_files)), NAMES, "one", "x") == expected


def test_patterns_are_relative_to_the_cards_folder():
    assert split_files(card(config("*.csv", data_dir="other")), NAMES, "one", "x") == {"train": ["other/notes.csv"]}
    assert split_files(card({"config_name": "one", "data_dir": "./data/"}), NAMES, None, "x") == {
        "train": ["data/train.csv"],
        "test": ["data/test.csv"],
    }


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["data/train-00000-of-00001.parquet", "data/extra-00000-of-00001-ab.parquet"], {"train", "extra"}),
        (["train.jsonl", "dev.jsonl", "a_test.jsonl"], {"train", "validation", "test"}),
        (["train/a.csv", "train/b.csv", "eval/c.csv"], {"train", "test"}),
        (["rows.csv", "more/rows.csv"], {"train"}),
        (["phrases_no_exclude_train.jsonl", "phrases_no_exclude_test.jsonl"], {"train", "test"}),
    ],
)
def test_without_configs_names_determine_the_splits_as_datasets_reads_them(tmp_path, names, splits):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    theirs = datasets.data_files.get_data_patterns(str(tmp_path))
    ours = split_files("", names, None, "x")
    assert set(ours) == splits == set(map(str, theirs))
    assert sorted(name for files in ours.values() for name in files) == sorted(names)


PATTERNS = [
    "*",
    "**",
    "a/*",
    "**/b.csv",
    "a/**",
    "a/**/c.csv",
    "*/b.csv",
    "a/[bc].csv",
    "?/b.csv",
    "**/a/**",
    "**/**/a/**/**",
    "**/**",
    "a",
    "*.csv",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_matches_as_in_fsspec(pattern):
    expression = re.compile(fsspec.utils.glob_translate(pattern))
    names = ["b.csv", "a/b.csv", "a/c.csv", "a/b/c.csv", "x/a/b.csv", "a/a/a/c.csv", "a/d.csv"]
    assert [name for name in names if matches_pattern(name, pattern)] == [
        name for name in names if expression.match(name)
    ]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("a" * 200, "*a" * 60 + "b"),
        ("/".join("a" * 200), "**/a/" * 60 + "b"),
        ("/".join("a" * 200), "**/" * 20_000 + "b"),
    ],
)
def test_a_pattern_of_many_stars_compares_each_part_once_with_each_folder(monkeypatch, name, pattern):
    comparisons = []

    def counting(part, glob):
        comparisons.append(part)
        return fnmatchcase(part, glob)

    monkeypatch.setattr(hub_files, "fnmatchcase", counting)
    assert not matches_pattern(name, pattern)
    distinct_parts = [part for part in pattern.split("/") if part != "**"]
    assert len(comparisons) <= len(name.split("/")) * len(distinct_parts)


@pytest.mark.parametrize("entry", [{"data_files": "**/" * 400}, {"data_dir": "a/" * 600}])
def test_a_pattern_that_is_too_long_is_refused(entry):
    with pytest.raises(
        UserError, match=r"a path in the README.md has 1,200 characters.* at most 1,000 .*'(\*\*|a)/.*Choose another"
    ):
        split_files(card({"config_name": "one"} | entry), NAMES, None, "x")


MERGES = "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\nconfigs: [\n---\n", "is not YAML"),
        ("---\nconfigs: " + "[" * 5000 + "\n---\n", "is not YAML"),
        ("---\nconfigs: {a: b}\n---\n", "not a list of configurations"),
        ("---\nconfigs: &a [*a]\n---\n", "is not YAML"),
        ("---\nconfigs: [{data_files: a}]\n---\n", "not a list of configurations"),
        (card(config({"train": "a.csv"})), "not a list of splits"),
        (card(config([{"split": "train", "path": [["a.csv"]]}])), "not a list of splits"),
        (card(config(["*"] * 10_001)), "not a list of splits"),
        (card(config("*.csv", sep=";")), "README.md sets 'sep'"),
        (card(config("none/*.csv")), "no data file for this config"),
        (card(config("a.csv"), {"config_name": "two", "data_files": "b.csv"}), "Set `config` to one of one, two"),
    ],
)
def test_an_invalid_card_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        split_files(text, NAMES, None, "owner/set")


def test_merged_keys_of_a_card_are_not_copied():
    text = f"---\n{MERGES}configs: [{{config_name: one, data_files: data/train.csv}}]\n---\n"
    assert split_files(text, NAMES, None, "x") == {"train": ["data/train.csv"]}


def test_a_default_configuration_needs_no_name():
    two = {"config_name": "two", "data_files": "data/test.csv", "default": True}
    assert split_files(card(config("data/train.csv"), two), NAMES, None, "x") == {"train": ["data/test.csv"]}
