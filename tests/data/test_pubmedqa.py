"""PubMedQA in the formats of its publisher and of the hub, and rows that are refused."""

import json
from typing import Any

import pytest

from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources import retrieve as sources
from clinical_dpo.data.sources.pubmedqa import to_context_question
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT, real_data

PUBLISHED: dict[str, Any] = {
    "QUESTION": "Does zinc  shorten colds?",
    "CONTEXTS": ["Colds are common.", "Zinc took a day\noff (P = .01)."],
    "LABELS": ["AIM", "RESULTS"],
    "LONG_ANSWER": " Zinc shortens colds. ",
    "final_decision": "yes",
}
HUB: dict[str, Any] = {
    "pubid": 123,
    "question": PUBLISHED["QUESTION"],
    "context": {"contexts": PUBLISHED["CONTEXTS"], "labels": ["AIM", "RESULTS"], "meshes": ["Zinc"]},
    "long_answer": PUBLISHED["LONG_ANSWER"],
    "final_decision": "yes",
}
RECORD = {
    "id": "123",
    "context": "Colds are common.\nZinc took a day off (P = .01).",
    "question": "Does zinc shorten colds?",
    "reference": "Zinc shortens colds.",
    "final_decision": "yes",
}


def retrieve(path, **more):
    return sources.retrieve({"kind": "file", "path": str(path), "reader": "pubmedqa", **more}, seed=1, n=1)


def test_both_formats_give_the_same_record():
    assert to_context_question({"id": "123", **PUBLISHED}) == to_context_question(HUB) == RECORD


def test_a_row_without_final_decision_is_kept():
    assert to_context_question(without(HUB, "final_decision")) == without(RECORD, "final_decision")


def test_files_of_both_formats_give_the_same_record(tmp_path):
    (tmp_path / "keyed.json").write_text(json.dumps({"123": PUBLISHED}), encoding="utf-8")
    (tmp_path / "hub.jsonl").write_text(json.dumps(HUB), encoding="utf-8")
    assert retrieve(tmp_path / "keyed.json")[0] == retrieve(tmp_path / "hub.jsonl")[0] == [RECORD]


def without(row, field):
    return {name: value for name, value in row.items() if name != field}


BAD_ROWS = {
    "no answer": (without(PUBLISHED, "LONG_ANSWER"), ["field 'LONG_ANSWER' is missing", "file: id, QUESTION"]),
    "empty answer": (PUBLISHED | {"LONG_ANSWER": ""}, ["field 'LONG_ANSWER' is empty", "Complete or remove the row"]),
    "blank answer": (
        PUBLISHED | {"LONG_ANSWER": " \n"},
        ["field 'LONG_ANSWER' is empty. Fill in the text, or remove the row"],
    ),
    "number": (PUBLISHED | {"LONG_ANSWER": 3}, ["field 'LONG_ANSWER' has the type int, not text"]),
    "empty paragraph": (PUBLISHED | {"CONTEXTS": ["a", " "]}, ["field 'CONTEXTS', paragraph 2 is empty"]),
    "no paragraph": (PUBLISHED | {"CONTEXTS": []}, ["field 'CONTEXTS' is empty"]),
    "no context": (without(PUBLISHED, "CONTEXTS"), ["field 'CONTEXTS' is missing"]),
    "one text": (
        PUBLISHED | {"CONTEXTS": "a"},
        ["field 'CONTEXTS' has the type str", "list of paragraphs", "CSV"],
    ),
    "blank question": (PUBLISHED | {"QUESTION": "\t"}, ["field 'QUESTION' is empty"]),
    "hub no answer": (without(HUB, "long_answer"), ["field 'long_answer' is missing", "rows on the hub"]),
    "hub no context": (HUB | {"context": None}, ["field 'context' is empty"]),
    "hub no contexts": (HUB | {"context": {"labels": ["AIM"]}}, ["field 'context' has no list 'contexts'"]),
    "hub empty paragraph": (HUB | {"context": {"contexts": [""]}}, ["field 'context.contexts', paragraph 1 is empty"]),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused_with_file_row_pmid_field_and_mend(tmp_path, name):
    row, parts = BAD_ROWS[name]
    path = tmp_path / "rows.json"
    rows = [HUB | {"pubid": 7}, row] if "pubid" in row else {"7": PUBLISHED, "123": row}
    path.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(UserError) as error:
        retrieve(path)
    for part in [f"{path}, row 2: PMID 123: ", *parts]:
        assert part in str(error.value)


def test_another_format_is_refused_with_the_fields_of_both_formats(tmp_path):
    (tmp_path / "rows.csv").write_text("id,note\n1,x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"row 1: field 'pubid' is missing.*QUESTION.*long_answer.*here: id, note"):
        retrieve(tmp_path / "rows.csv")


def test_a_repeated_pmid_of_the_hubs_rows_is_refused(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([HUB, HUB | {"pubid": 7}, HUB | {"question": "Why?"}]), encoding="utf-8")
    with pytest.raises(UserError, match=r"row 3: id '123' duplicates the id of row 1. Remove one"):
        retrieve(path)


def test_a_repeated_pmid_of_the_publishers_file_is_refused(tmp_path):
    path = tmp_path / "rows.json"
    row = json.dumps(PUBLISHED)
    path.write_text(f'{{"123": {row}, "7": {row}, "123": {row}}}', encoding="utf-8")
    with pytest.raises(UserError, match=r"rows.json: key '123' comes twice in one object"):
        retrieve(path)


def test_every_row_of_the_publisher_loads_and_its_question_follows_its_context():
    path = real_data("pubmedqa", "ori_pqal.json")
    records, provenance = retrieve(path)
    published = read_json(path)
    assert provenance["drops"] == {}
    assert {record["id"] for record in records} == set(published)
    task = read_yaml(ROOT / "config/tasks/pubmedqa.yaml")
    for row in task_rows(records, task, provenance):
        raw = published[row["id"]]
        prompt = row["prompt"][0]["content"].split()
        assert prompt == " ".join([*raw["CONTEXTS"], raw["QUESTION"]]).split()
        assert row["completion"][0]["content"].split() == raw["LONG_ANSWER"].split()


def test_the_real_rows_in_the_hubs_format_give_the_same_records(tmp_path):
    path = real_data("pubmedqa", "ori_pqal.json")
    rows = [
        {
            "pubid": int(pmid),
            "question": row["QUESTION"],
            "context": {"contexts": row["CONTEXTS"], "labels": row["LABELS"], "meshes": row["MESHES"]},
            "long_answer": row["LONG_ANSWER"],
            "final_decision": row["final_decision"],
        }
        for pmid, row in read_json(path).items()
    ]
    (tmp_path / "hub.json").write_text(json.dumps(rows), encoding="utf-8")
    assert retrieve(tmp_path / "hub.json")[0] == retrieve(path)[0]
