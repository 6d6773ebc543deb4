"""Keys of a task file that are about the columns of its source."""

import pytest

from clinical_dpo.config.column_rules import smallest_cell, subgroups
from clinical_dpo.config.files import tables
from clinical_dpo.config.loading import load_study
from clinical_dpo.errors import UserError
from clinical_dpo.schemas import read_yaml
from tests.conftest import ROOT

CONFIG = read_yaml(ROOT / "config/config.yaml")


def study(**task):
    return load_study(CONFIG | {"tasks": ["uti"], "figure2": {}, "overrides": {"tasks": {"uti": task}}}, ROOT)


def test_a_condition_that_cannot_be_read_is_refused_with_file_and_key():
    with pytest.raises(UserError) as error:
        study(where="age.real > 5")
    assert all(word in str(error.value) for word in ("config/tasks/uti.yaml", "key 'where'", "`age.real`"))


@pytest.mark.parametrize(("name", "near"), [("cp1525", "cp125"), ("utf9", "Did you mean"), ("windows", "cp1252")])
def test_an_unknown_encoding_is_refused_at_the_start_with_the_near_name(name, near):
    with pytest.raises(UserError) as error:
        study(source={"kind": "file", "path": "absent.csv", "encoding": name})
    start = f"config/tasks/uti.yaml: key 'source': `encoding: {name}` is not known."
    assert str(error.value).startswith(start) and near in str(error.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            {"kind": "hub", "id": "a/b", "revision": "c" * 40, "splits": ["train"]} | {"encoding": "cp1252"},
            "source.encoding",
        ),
        ({"kind": "synthetic", "generator": "uti", "path": "a.csv"}, "source.path"),
        ({"kind": "file", "path": "absent.csv", "splits": ["train"]}, "source.splits"),
    ],
)
def test_a_key_of_another_kind_of_source_is_refused(source, words):
    with pytest.raises(UserError) as error:
        study(source=source)
    start = "config/tasks/uti.yaml with overrides.tasks.uti of the config"
    assert str(error.value).startswith(f"{start}: key '{words}' has no effect with the other settings. Remove it.")


def test_a_stand_in_has_no_settings_over_columns():
    file = {"kind": "file", "path": "absent.csv"}
    own = study(source={"kind": "synthetic", "generator": "uti"}, where='note != ""', group="patient")
    assert own.over_columns("uti", "where", "group") == {"where": 'note != ""', "group": "patient"}
    assert own.over_columns("uti", "group") == {"group": "patient"}
    absent = study(
        where='note != ""', source=file, when_missing="synthetic", stand_in={"kind": "synthetic", "generator": "uti"}
    )
    assert absent.over_columns("uti", "where", "group") == {}


def test_a_column_alone_is_a_subgroup_of_its_name():
    assert subgroups({"subgroups": ["sex", {"name": "age group", "column": "age", "edges": [18]}]}) == [
        {"name": "sex", "column": "sex"},
        {"name": "age group", "column": "age", "edges": [18]},
    ]
    assert subgroups({}) == []


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (["sex", {"name": "sex", "column": "gender"}], ("key 'subgroups'", "'sex' twice")),
        ([{"name": "age", "column": "age", "edges": [65, 18]}], ("'age'", "[65, 18]", "do not ascend")),
        ([{"name": "age", "column": "age", "edges": [18, 18]}], ("do not ascend",)),
        ([{"name": "age"}], ("subgroups.0", "column")),
        ([{"name": "age", "column": "age", "bins": [1]}], ("subgroups.0", "bins")),
        ([], ("key 'subgroups'",)),
    ],
)
def test_wrong_subgroups_are_refused(entries, words):
    with pytest.raises(UserError) as error:
        study(subgroups=entries)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    ("limit", "task", "smallest"),
    [
        (11, {}, 11),
        (None, {}, None),
        (5, {}, 5),
        (None, {"phi": True}, 11),
        (5, {"phi": True}, 11),
        (30, {"phi": True}, 30),
    ],
)
def test_private_tasks_always_mask_small_cells(limit, task, smallest):
    assert smallest_cell({"smallest_cell": limit}, task) == smallest


def test_a_task_with_subgroups_has_their_table():
    synthetic = {"kind": "synthetic", "generator": "uti"}
    assert "subgroups" in tables(study(source=synthetic, subgroups=["sex"]), "uti")
    assert "subgroups" not in tables(study(source=synthetic), "uti")
