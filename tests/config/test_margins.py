"""Margins: their defaults, mistakes that are refused, and the record that is made before the test answers."""

import hashlib
import json

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.margins import DEFAULT, SET, margin_record, recorded_margin, task_margin
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from clinical_dpo.io import write_json
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT

CONFIG = read_yaml(ROOT / "config/config.yaml")


def load(**task):
    return load_study(merge(CONFIG, {"overrides": {"tasks": {"uti": task}}}), ROOT).tasks["uti"]


def test_a_margin_of_the_task_file_is_used_and_its_default_says_so():
    assert task_margin(load(margin=0.03)) == (0.03, SET)
    assert task_margin(load()) == (0.05, DEFAULT) and "not set by you" in DEFAULT
    assert task_margin({"metric": "likert"}).value == 0.2
    assert task_margin({"metric": "quadratic_kappa"}).value == 0.05  # right answers are compared
    assert margin_record({"metric": "quadratic_kappa"})["metric"] == "accuracy"


@pytest.mark.parametrize(("margin", "words"), [(5, ["5 is", "0 to 1", "0.05"]), (0, ["minimum of 0", "0.05"])])
def test_a_margin_off_the_scale_is_refused_with_a_right_one(margin, words):
    with pytest.raises(UserError) as error:
        load(margin=margin)
    assert [word for word in ("config/tasks/uti.yaml", "'margin'", *words) if word not in str(error.value)] == []


def test_the_record_has_the_hash_of_metric_and_margin(tmp_path):
    record = margin_record({"metric": "f1", "margin": 0.03})
    assert record["sha256"] == hashlib.sha256(b'{"margin": 0.03, "metric": "f1"}').hexdigest()
    write_json(tmp_path / "margin.json", record)
    assert recorded_margin(tmp_path / "margin.json", "f1") == 0.03


@pytest.mark.parametrize("change", [{"margin": 0.2}, {"sha256": "0" * 64}, {"metric": "accuracy"}, {"note": "x"}])
def test_a_record_that_was_edited_is_no_record(tmp_path, change):
    path = tmp_path / "margin.json"
    path.write_text(json.dumps(margin_record({"metric": "f1", "margin": 0.03}) | change))
    assert recorded_margin(path, "f1") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_damaged_or_missing_record_is_no_record(tmp_path, text):
    path = tmp_path / "margin.json"
    assert recorded_margin(path, "f1") is None
    path.write_text(text)
    assert recorded_margin(path, "f1") is None
