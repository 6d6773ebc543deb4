"""Task rows: columns mapped to fields, prompts rendered, and rows that are refused."""

import pytest

from clinical_dpo.data.columns import map_row
from clinical_dpo.data.rows import render_prompt, task_row, task_rows
from clinical_dpo.data.sources import retrieve as sources
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError
from tests.conftest import real_data

UTI = {
    "name": "uti",
    "answer_type": "label",
    "labels": ["UTI", "No UTI"],
    "prompt": "Passage: {{ note }}\n\nDoes this patient have a urinary tract infection?",
}
REASONING = {"name": "reasoning", "answer_type": "answer", "prompt": "{{ question }}\n\nAnswer briefly."}
FILE = {"kind": "file", "data": "real", "path": "notes.csv"}
SYNTHETIC = {"kind": "synthetic", "data": "synthetic", "generator": "uti"}


def question(**fields: object) -> dict[str, object]:
    return {"id": "q1", "question": "What is the diagnosis?", "reference": "Scurvy"} | fields


def test_a_row_has_the_form_that_trl_reads():
    row = task_row({"id": "n1", "note": "Dysuria, pyuria.", "label": " uti "}, UTI)
    assert row == {
        "id": "n1",
        "prompt": [
            {
                "role": "user",
                "content": "Passage: Dysuria, pyuria.\n\nDoes this patient have a urinary tract infection?",
            }
        ],
        "completion": [{"role": "assistant", "content": "UTI"}],
        "label": "UTI",
    }


def test_a_row_keeps_wrong_and_further_right_answers():
    row = task_row(
        question(accepted=["vitamin C deficiency"], options=["Rickets", "Pellagra"], rejected="Gout"), REASONING
    )
    assert row["accepted"] == ["vitamin C deficiency"]
    assert row["options"] == ["Rickets", "Pellagra"]
    assert row["rejected"] == "Gout"
    assert "label" not in row


def test_text_passes_through_a_template_unchanged():
    note = "Na⁺ 135 mEq/L & K⁺ <3.5\n\tpH 7.44 — “weak” {{ not a field }} {% if %}"
    assert render_prompt("{{ note }}", {"note": note}) == note


def test_columns_rename_fields_and_generated_records_need_no_renaming():
    task = UTI | {"columns": {"note": "passage", "label": "diagnosis"}}
    [row] = task_rows([{"passage": "Dysuria.", "diagnosis": "UTI"}], task, FILE)
    assert row["label"] == "UTI"
    [generated] = task_rows([{"note": "Dysuria.", "label": "UTI"}], task, SYNTHETIC)
    assert generated["prompt"] == row["prompt"]


SOURCE = {
    "Question ID": 7,
    "stem": "Gums bleed.",
    "context": {"contexts": ["Sailor.", "No fruit."], "a.b": "x"},
    "opts": {"A": "Scurvy", "B": "Gout", "C": "Rickets"},
    "key": "A",
    "wrong_1": "Pellagra",
    "wrong_2": "Beriberi",
    "dotted.name": "dotted",
    "nothing": None,
}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"question": "stem"}, {"question": "Gums bleed."}),
        ({"context": "context.contexts"}, {"context": ["Sailor.", "No fruit."]}),
        ({"question": "dotted.name"}, {"question": "dotted"}),
        ({"id": 'q{{ row["Question ID"] }}'}, {"id": "q7"}),
        ({"reference": "{{ opts[key] }}"}, {"reference": "Scurvy"}),
        (
            {"question": "{{ context.contexts | join('\n') }}\n{{ stem }}\n"},
            {"question": "Sailor.\nNo fruit.\nGums bleed."},
        ),
        ({"options": ["wrong_1", "{{ wrong_2 | upper }}"]}, {"options": ["Pellagra", "BERIBERI"]}),
        ({"options": "{{ opts.values() | reject('equalto', opts[key]) }}"}, {"options": ["Gout", "Rickets"]}),
        ({"options": "context.contexts"}, {"options": ["Sailor.", "No fruit."]}),
        ({"stem": "key", "key": "stem"}, {"stem": "A", "key": "Gums bleed."}),
        ({"label": "{% if key == 'A' %}UTI{% else %}No UTI{% endif %}"}, {"label": "UTI"}),
    ],
)
def test_columns_map_to_fields(columns, expected):
    assert map_row(SOURCE, columns) == SOURCE | expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"question": "Stem"}, "columns.question: column 'Stem' is missing. Did you mean 'stem'?"),
        ({"question": "context.text"}, "column 'context' has no member 'text'. Did you mean 'contexts'?"),
        ({"question": "stem.text"}, "column 'stem' holds a value of type 'str', which has no member 'text'"),
        ({"question": "{{ steam }}"}, "column 'steam' is missing, and the template uses it"),
        ({"question": '{{ row["Question"] }}'}, "column 'Question' is missing, and the template uses it"),
        ({"question": "{{ stem | shout }}"}, "line 1: not a valid Jinja template (No filter named 'shout'.)"),
        ({"question": "{{ context }}"}, "prints a dict, not text. Name one of its members"),
        ({"question": "{{ key == 'A' }}"}, "prints a bool, not text. Write a word for each value"),
        ({"question": "{{ opts.values() | list }}"}, "prints a list, not text. Join a list"),
        ({"question": "nothing.text"}, "column 'nothing' is empty, so it has no member 'text'. Fill it in"),
        ({"options": "{{ key }}"}, "the template gives a value of type 'str', not a list"),
        ({"options": "{{ context.missing }}"}, "a value that is missing"),
        ({"question": "{{ context.update({}) }}"}, "unsafe"),
        ({"question": "{% for i in range(9) %}{{ i }}{% endfor %}"}, "column 'range'"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_field(columns, message):
    with pytest.raises(UserError) as error:
        map_row(SOURCE, columns)
    assert message in str(error.value) and str(error.value).startswith("columns.")


def test_a_field_of_a_generated_record_replaces_its_template():
    columns = {"note": "{{ HPI }} {{ Exam }}", "label": "{{ row['UTI?'] }}"}
    generated = {"note": "Dysuria.", "label": "UTI"}
    assert map_row(generated, columns, generated=True) == generated
    with pytest.raises(UserError, match="column 'Exam'"):
        map_row(generated, columns)


def test_repairs_of_fields_are_counted():
    repairs = Tally()
    rows = [{"id": " 1", "note": "a", "label": "uti "}, {"id": "2", "note": "b", "label": "UTI"}]
    assert [row["label"] for row in task_rows(rows, UTI, FILE, repairs)] == ["UTI", "UTI"]
    assert repairs.record() == {
        "white space dropped around field 'id'": {"count": 1, "first": "row 1"},
        "white space dropped around field 'label'": {"count": 1, "first": "row 1"},
        "label respelled as in the task file": {"count": 1, "first": "row 1"},
    }


SAMPLED_OR_FILTERED = [{"sampled": 2, "drops": {}}, {"drops": {"repeats another row": 3}}]


def two_records(second_label):
    return [{"id": "q71", "note": "a", "label": "UTI"}, {"id": "q78", "note": "b", "label": second_label}]


@pytest.mark.parametrize("facts", SAMPLED_OR_FILTERED)
def test_a_repair_in_drawn_rows_has_the_row_number_of_source_jsonl(facts):
    repairs = Tally()
    task_rows(two_records("uti"), UTI, FILE | facts, repairs)
    assert repairs.record()["label respelled as in the task file"]["first"] == "row 2 of source.jsonl"


@pytest.mark.parametrize("facts", SAMPLED_OR_FILTERED)
def test_an_error_in_drawn_rows_has_the_row_number_of_source_jsonl(facts):
    with pytest.raises(UserError, match=r"^source.jsonl, drawn from notes.csv, row 2: task 'uti', id 'q78'"):
        task_rows(two_records("perhaps"), UTI, FILE | facts)


def test_an_error_in_a_whole_file_has_its_row_number():
    with pytest.raises(UserError, match=r"^notes.csv, row 2: task 'uti', id 'q78'"):
        task_rows(two_records("perhaps"), UTI, FILE | {"drops": {}})


def test_another_data_set_is_mapped_by_its_task_file_alone():
    """ACI-Bench holds dialogues and notes under `data`."""
    rows, provenance = sources.retrieve({"kind": "file", "path": str(real_data("acibench", "train.json"))}, seed=1, n=1)
    task = {
        "name": "visit_note",
        "answer_type": "text",
        "columns": {"id": "file", "reference": "tgt", "dialogue": "{{ src | replace('[doctor]', 'Doctor:') }}"},
        "prompt": "{{ dialogue }}\n\nWrite the note.",
    }
    mapped = task_rows(rows, task, provenance)
    assert len(mapped) == len(rows) == provenance["rows"]
    for row, raw in zip(mapped, rows, strict=True):
        assert row["id"] == raw["file"] and row["completion"][0]["content"] == raw["tgt"].strip()
        assert row["prompt"][0]["content"].startswith(raw["src"].strip().replace("[doctor]", "Doctor:")[:200])


def test_a_record_without_id_gets_one_made_of_its_prompt():
    rows = task_rows([{"note": note, "label": "UTI"} for note in ("a", "b", "a")], UTI, FILE)
    assert rows[0]["id"] == rows[2]["id"] != rows[1]["id"]
    assert rows[0]["id"].startswith("uti-")


def test_a_field_that_the_template_tests_may_be_missing():
    template = "{% if history %}{{ history }}. {% endif %}{{ note }} {{ age | default('adult') }}"
    assert render_prompt(template, {"note": "Cough.", "history": ""}) == "Cough. adult"


BAD_ROWS = [
    (UTI, {"label": "UTI"}, ["field 'note'", "missing", "Fields here: id, label", "columns"]),
    (UTI, {"note": "  ", "label": "UTI"}, ["field 'note' is empty", "remove the row"]),
    (UTI, {"note": None, "label": "UTI"}, ["field 'note' is empty"]),
    (UTI, {"note": "x"}, ["field 'label' is missing", "Fields here: id, note"]),
    (UTI, {"note": "x", "label": ""}, ["field 'label' is empty", "Fill it in"]),
    (UTI, {"note": "x", "label": "No UTIs"}, ["'No UTIs' is not a label", "UTI, No UTI", "Did you mean 'No UTI'?"]),
    (UTI, {"note": "x", "label": True}, ["field 'label' has the type bool"]),
    (UTI, {"note": "x", "label": "p" * 99}, ["'" + "p" * 40 + "...'"]),
    (REASONING, question(reference=" "), ["field 'reference' is empty"]),
    (REASONING, question(rejected="scurvy "), ["field 'rejected' contains the right answer", "Write a wrong answer"]),
    (REASONING, question(options=["Rickets", "SCURVY"]), ["field 'options' contains the right answer"]),
    (REASONING, question(options="Rickets; Gout"), ["field 'options' is not a list", "`options: [column1, column2]`"]),
    (
        REASONING,
        question(accepted=["", "x"]),
        ["field 'accepted' is not a list of non-empty texts", "entry 1 is empty"],
    ),
    (REASONING, question(options=["Gout", 12]), ["field 'options' is not a list of", "entry 2 has the type int"]),
    (REASONING | {"prompt": "{{ question"}, question(), ["key 'prompt', line 1", "not a valid Jinja template"]),
    (REASONING | {"prompt": "{{ question.a.b }}"}, question(), ["is missing", "See `prompt`"]),
    (REASONING | {"prompt": "{{ question.__class__ }}"}, question(), ["cannot be filled in", "unsafe"]),
    (REASONING | {"prompt": "{{ question + 1 }}"}, question(), ["cannot be filled in"]),
    (REASONING | {"prompt": " {# nothing #} "}, question(), ["prompt is empty", "Correct `prompt`"]),
]


@pytest.mark.parametrize(("task", "record", "parts"), BAD_ROWS)
def test_a_bad_row_is_refused_with_file_row_field_and_mend(task, record, parts):
    good = {"id": "ok", "note": "y", "question": "y", "label": "UTI", "reference": "y"}
    records = [{"id": "r7", **record}] if "{{ n" not in task["prompt"] else [good, {"id": "r7", **record}]
    with pytest.raises(UserError) as error:
        task_rows(records, task, FILE)
    name = record.get("id", "r7")
    for part in [f"notes.csv, row {len(records)}", f"task '{task['name']}', id '{name}'", *parts]:
        assert part in str(error.value)


def test_a_missing_column_is_refused_with_file_row_and_key():
    with pytest.raises(
        UserError, match=r"notes.csv, row 1: config/tasks/uti.yaml, columns.note: column 'passage' is missing.*label"
    ):
        task_rows([{"note": "x", "label": "UTI"}], UTI | {"columns": {"note": "passage"}}, FILE)


def test_a_repeated_id_is_refused_with_both_rows():
    rows = [{"pmid": 7, "note": note, "label": "UTI"} for note in "ab"]
    with pytest.raises(UserError, match=r"notes.csv, row 2: id '7' duplicates '7' in row 1. Make ids unique"):
        task_rows(rows, UTI | {"columns": {"id": "pmid"}}, FILE)


UNREAD = {"data": "real", "path": "a.xlsx", "unread": {"seen": "a.xlsx, cell D2: the cell shows the error #N/A."}}


@pytest.mark.parametrize(
    "prompt",
    [
        "{{ note }} {{ row.seen }}",
        "{{ note }} {{ row.get('seen') or '' }}",
        "{{ note }}{% for name, value in row.items() %} {{ value }}{% endfor %}",
        "{% set name = 'seen' %}{{ note }} {{ row[name] }}",
    ],
)
def test_every_use_of_a_column_that_was_not_read_is_refused_with_the_cell(prompt):
    task = {"name": "uti", "answer_type": "text", "prompt": prompt}
    rows = [{"note": "Fever.", "reference": "Rest."}]
    with pytest.raises(UserError, match="cell D2: the cell shows the error #N/A"):
        task_rows(rows, task, UNREAD)


def test_a_column_that_was_not_read_is_no_matter_to_a_prompt_of_other_columns():
    task = {"name": "uti", "answer_type": "text", "prompt": "{{ row['note'] }} {{ row.get('age', '?') }}"}
    rows = task_rows([{"note": "Fever.", "reference": "Rest."}], task, UNREAD)
    assert rows[0]["prompt"][0]["content"] == "Fever. ?"
