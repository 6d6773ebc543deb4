"""Keys of a task file that are about the columns of its source."""

import pytest

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


def test_a_stand_in_has_no_settings_over_columns():
    file = {"kind": "file", "path": "absent.csv"}
    own = study(source={"kind": "synthetic", "generator": "uti"}, where='note != ""', group="patient")
    assert own.over_columns("uti", "where", "group") == {"where": 'note != ""', "group": "patient"}
    assert own.over_columns("uti", "group") == {"group": "patient"}
    absent = study(
        where='note != ""', source=file, when_missing="synthetic", stand_in={"kind": "synthetic", "generator": "uti"}
    )
    assert absent.over_columns("uti", "where", "group") == {}
