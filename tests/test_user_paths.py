"""Paths of data files with ~, environment variables, and signs that are only part of a name."""

import pytest

from clinical_dpo.user_paths import is_pattern, unset_variables, user_path, variables


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home folder, a set variable and an unset one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("WARD", "ward 5")
    monkeypatch.delenv("CLINIC", raising=False)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~/mine.csv", "/home/anna/mine.csv"),
        ("data/$WARD/a.csv", "data/ward 5/a.csv"),
        ("data/${WARD}b.csv", "data/ward 5b.csv"),
        ("data/cost$.csv", "data/cost$.csv"),
        ("data/$5 and $10.csv", "data/$5 and $10.csv"),
        ("data/final {v2}.csv", "data/final {v2}.csv"),
        ("data/a~b.csv", "data/a~b.csv"),
        ("$CLINIC/a.csv", "$CLINIC/a.csv"),
    ],
)
def test_home_and_variables_are_replaced(text, path):
    assert str(user_path(text)) == path


def test_a_file_with_exactly_this_name_has_precedence(tmp_path):
    (tmp_path / "in $WARD.csv").touch()
    (tmp_path / "$CLINIC.csv").touch()
    assert str(user_path("in $WARD.csv")) == "in $WARD.csv"
    assert unset_variables("$CLINIC.csv") == [] and unset_variables("$CLINIC/${WARD}.csv") == ["CLINIC"]


def test_variables_have_names_of_letters():
    assert variables("$WARD/${CLINIC}/$5/cost$.csv") == ["WARD", "CLINIC"]


def test_only_braces_with_a_name_are_a_pattern():
    assert is_pattern("data/final {v2}.csv") and not is_pattern("data/a.csv")
