"""Paths of data files with ~, environment variables, and signs that are only part of a name."""

from pathlib import Path

import pytest

from clinical_dpo.user_paths import is_pattern, unset_variables, user_path, variables, why_missing


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("there.csv", None),
        ("gone.csv", "gone.csv does not exist"),
        ("$CLINIC/a.csv", "$CLINIC/a.csv does not exist, and the environment variable CLINIC is not set"),
        ("a\0.csv", "a\0.csv does not exist"),
    ],
)
def test_the_reason_for_a_missing_file_names_unset_variables(tmp_path, text, reason):
    (tmp_path / "there.csv").touch()
    assert why_missing(text) == reason


def test_a_closed_folder_is_a_reason_and_no_crash(monkeypatch):
    """The system's answer is replaced, since root may enter every folder."""

    def stat(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", stat)
    assert why_missing("closed/a.csv") == "closed/a.csv cannot be reached (Permission denied)"


def test_variables_have_names_of_letters():
    assert variables("$WARD/${CLINIC}/$5/cost$.csv") == ["WARD", "CLINIC"]


def test_only_braces_with_a_name_are_a_pattern():
    assert is_pattern("data/final {v2}.csv") and not is_pattern("data/a.csv")
