"""Visits of patients in the workflow: splits by patient, kept rows, clustered statistics and subgroups."""

import pytest

from clinical_dpo.io import read_csv, read_json, read_jsonl, write_csv
from tests.helpers.grade_rows import label_rows
from tests.helpers.workflow import Project

CONFIG = """
run_name: mine
recipes: {savage2025: {models: [tiny-llama]}}
tasks: [uti, triage_urgency]
figure2: {}
smallest_cell: null
overrides:
  tasks:
    uti: &visits
      source: {kind: file, path: data/visits.csv}
      when_missing: error
      columns: {note: text, label: "{{ {'yes': 'UTI', 'no': 'No UTI'}[label] }}"}
      prompt: "{{ note }} UTI?"
      splits: {train: 100, eval: 12, dev: 20, test: 40}
      where: language == "en" and text != ""
      group: patient no.
      subgroups: [sex, {name: age group, column: age, edges: [40]}]
    triage_urgency:
      source: {kind: file, path: data/visits.csv}
      when_missing: error
      columns: {message: text, label: "{{ {'yes': 'urgent', 'no': 'nonurgent'}[label] }}"}
      prompt: "{{ message }} Urgent?"
      splits: {train: 100, eval: 12, dev: 20, test: 40}
"""
TABLES = [f"results/mine/uti/{table}.csv" for table in ("stats", "subgroups")]
FIGURE = "reports/mine/figures/subgroups_uti.svg"
RULES = ("compare_variants", "compare_subgroups", "plot_subgroups")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with splits, and with grades in place of those of trained models."""
    project = Project.copy(tmp_path_factory.mktemp("project"), "mine.yaml")
    (project.folder / "mine.yaml").write_text(CONFIG)
    (project.folder / "data").mkdir()
    visits = [
        {
            **{"id": f"v{patient}-{visit}", "patient no.": f"P{patient:04d}", "text": f"Visit {visit} of {patient}."},
            **{"label": ("yes", "no")[(patient + visit) % 2], "language": "de" if patient % 10 == 0 else "en"},
            **{"sex": ("f", "m")[patient % 2], "age": 20 + patient, "note": ""},
        }
        for patient in range(60)
        for visit in range(1 + patient % 6)
    ]
    write_csv(project.folder / "data/visits.csv", visits, tuple(visits[0]))
    data = "results/mine/{}/data/{}"
    project.run(
        data.format("uti", "subgroups.csv"), *(data.format(t, "manifest.json") for t in ("uti", "triage_urgency"))
    )
    test = read_jsonl(project.folder / data.format("uti", "test.jsonl"))
    labels = [row["label"] for row in test]
    for index, variant in enumerate(("base", "sft", "dpo")):
        answers = [label if number % (index + 2) else "UTI" for number, label in enumerate(labels)]
        rows = [row | {"id": item["id"]} for row, item in zip(label_rows(labels, answers), test, strict=True)]
        path = project.folder / f"results/mine/uti/tiny-llama/grades/{variant}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(path, rows, tuple(rows[0]))
    project.run(rules=RULES, targets=[*TABLES, FIGURE])
    return project


def test_a_patient_is_in_one_split_and_rows_of_the_condition_alone_are_kept(project):
    folder = project.folder / "results/mine/uti/data"
    splits = {split: read_jsonl(folder / f"{split}.jsonl") for split in ("train", "eval", "dev", "test")}
    patients = [{row["group"] for row in rows} for rows in splits.values()]
    assert sum(map(len, patients)) == len(set().union(*patients))
    assert not any(int(name.removeprefix("p")) % 10 == 0 for name in set().union(*patients))
    manifest = read_json(folder / "manifest.json")
    visits = read_csv(project.folder / "data/visits.csv")
    kept = sum(row["language"] == "en" for row in visits)
    assert manifest["source"]["where"] | {"condition": ""} == {
        "condition": "",
        "kept": kept,
        "dropped": len(visits) - kept,
    }
    assert (
        manifest["groups"]["test"] == len({row["group"] for row in splits["test"]})
        and "patient_columns" not in manifest
    )
    assert all(abs(manifest["counts"][split] - size) <= 3 for split, size in (("train", 100), ("test", 40)))


def test_without_a_group_the_manifest_names_the_patients_column(project):
    manifest = read_json(project.folder / "results/mine/triage_urgency/data/manifest.json")
    [column] = manifest["patient_columns"]
    assert column["column"] == "patient no." and 20 < column["rows"] <= column["of"] == 40


def test_the_test_counts_patients(project):
    test = read_jsonl(project.folder / "results/mine/uti/data/test.jsonl")
    for row in read_csv(project.folder / TABLES[0]):
        assert (row["test"], row["n"]) == ("obuchowski", str(len(test)))
        assert row["n_groups"] == str(len({item["group"] for item in test})) and row["p_unclustered"]


def test_subgroups_have_the_levels_of_the_columns(project):
    test = {row["id"] for row in read_jsonl(project.folder / "results/mine/uti/data/test.jsonl")}
    visits = [row for row in read_csv(project.folder / "data/visits.csv") if row["id"] in test]
    rows = {
        (row["subgroup"], row["level"]): row for row in read_csv(project.folder / TABLES[1]) if row["compared"] == "sft"
    }
    assert rows["sex", "f"]["n"] == str(sum(row["sex"] == "f" for row in visits))
    assert rows["age group", "below 40"]["n"] == str(sum(int(row["age"]) < 40 for row in visits))
    assert list(rows) == [
        ("all items", "all items"),
        *(("sex", sex) for sex in ("f", "m")),
        *(("age group", age) for age in ("below 40", "40 or more")),
    ]
    assert "40 or more" in (project.folder / FIGURE).read_text()


def test_other_subgroups_draw_no_split_again(project):
    jobs = project.planned(*TABLES, "--config", "overrides={tasks: {uti: {subgroups: [sex]}}}")
    rules = {rule for rule, _ in jobs}
    assert {"assign_subgroups", "compare_subgroups"} <= rules
    assert not rules & {"retrieve_source", "split_dataset"}
