"""Columns that look like patients' ids and join test rows to training rows, and columns that do not."""

import random

import pytest

from clinical_dpo.data_checks.patient_columns import patient_columns
from clinical_dpo.data_checks.row_checks import patient_findings


def splits_of(values, column):
    """300 training and 100 test records, in random order of the values."""
    drawn = random.Random(1).sample(list(values), 400)
    records = [{"id": f"r{i}", column: value} for i, value in enumerate(drawn)]
    return {"train": records[:250], "eval": [], "dev": records[250:300], "test": records[300:]}


PATIENTS = [f"{i % 60}" for i in range(400)]


@pytest.mark.parametrize(
    "column",
    ["patient_id", "PatientID", "Patient No.", "Pat.-Nr.", "MRN", "subject_id", "Patientennummer", "hadm_id", "pid"],
)
def test_ids_of_patients_are_recognised_by_their_name(column):
    [shared] = patient_columns(splits_of(PATIENTS, column))
    assert shared == {"column": column, "values": 60, "rows": 100, "of": 100}


@pytest.mark.parametrize("form", ["{:07d}", "P{:04d}", "ab-{:05d}", "{0:08x}-0000-0000-0000-{0:012x}"])
def test_ids_are_recognised_by_their_values(form):
    [shared] = patient_columns(splits_of([form.format(4000 + i % 60) for i in range(400)], "origin"))
    assert shared["rows"] == 100


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("age", [18 + i % 80 for i in range(400)]),
        ("sodium", [120 + i % 40 for i in range(400)]),
        ("date", [f"2020-01-{1 + i % 28:02d}" for i in range(400)]),
        ("sex", ["f", "m"] * 200),
        ("patient", ["new", "known", "unknown", "other"] * 100),
        ("subject", ["chest pain", "cough", "fever", "rash"] * 100),
        ("patient_id", [f"P{i:04d}" for i in range(400)]),  # a patient for each row
        ("patient_id", [None] * 400),
        ("patient_id", [["p1"], {"p": 1}] * 200),
        ("note", [f"note {i}" for i in range(400)]),
    ],
)
def test_other_columns_are_not_taken_for_ids(column, values):
    assert patient_columns(splits_of(values, column)) == []


def test_ids_that_are_each_in_one_split_are_no_finding():
    splits = {"train": [{"mrn": f"{i % 30}"} for i in range(90)], "test": [{"mrn": f"{40 + i % 9}"} for i in range(30)]}
    assert patient_columns(splits) == []


def test_the_finding_has_the_share_of_test_rows_and_names_the_columns():
    shared = [
        {"column": "patient_id", "values": 60, "rows": 30, "of": 100},
        {"column": "mrn", "values": 50, "rows": 40, "of": 100},
    ]
    [finding] = patient_findings(shared)
    assert (finding.check, finding.measured, finding.rows, finding.of) == ("patients_in_training", 0.4, 40, 100)
    assert finding.examples == ["patient_id (30 of 100 test rows)", "mrn (40 of 100 test rows)"]
    assert patient_findings([]) == []
