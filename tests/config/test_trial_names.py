"""The names of trials hold their values."""

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.errors import UserError
from clinical_dpo.paths import parse_trial, trial_name
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED

STUDY = load_study(PUBLISHED, ROOT)


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_the_name_of_a_trial_has_its_values(stage):
    for name, values in STUDY.trials("uti", stage).items():
        assert parse_trial(name, stage) == values


@pytest.mark.parametrize(("beta", "name"), [(1e-5, "lr1e-06_beta1e-05"), (2.5e-6, "lr1e-06_beta2.5e-06")])
def test_a_small_beta_has_an_exponent_in_the_name(beta, name):
    values = {"learning_rate": 1e-6, "beta": beta}
    assert trial_name(values) == name and parse_trial(name, "dpo") == values


def test_trials_are_in_the_order_of_the_config():
    assert list(STUDY.trials("uti", "dpo"))[3:5] == ["lr1e-05_beta0.1", "lr1e-05_beta0.3"]


@pytest.mark.parametrize(
    ("name", "stage", "mend"),
    [
        ("fast", "sft", "such as 'lr1e-05'"),
        ("lr1e-05", "dpo", "such as 'lr1e-06_beta0.1'"),
        ("lr1e-5", "sft", "Write 'lr1e-05'"),
        ("lr1e-05_beta0.1.2", "dpo", "such as 'lr1e-06_beta0.1'"),
    ],
)
def test_a_wrong_name_of_a_trial_is_refused_with_the_mend(name, stage, mend):
    with pytest.raises(UserError) as error:
        parse_trial(name, stage)
    assert f"'{name}'" in str(error.value) and mend in str(error.value)
