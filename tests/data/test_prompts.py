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


def test_a_row_is_what_trl_reads():
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


def test_wrong_and_further_right_answers_are_carried():
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


def test_columns_rename_and_generated_records_need_no_renaming():
    task = UTI | {"columns": {"note": "passage", "label": "diagnosis"}}
    [row] = task_rows([{"passage": "Dysuria.", "diagnosis": "UTI"}], task, FILE)
    assert row["label"] == "UTI"
    [same] = task_rows([{"note": "Dysuria.", "label": "UTI"}], task, SYNTHETIC)
    assert same["prompt"] == row["prompt"]


SOURCE = {
    "Question ID": 7,
    "stem": "Gums bleed.",
    "context": {"contexts": ["Sailor.", "No fruit."], "a.b": "x"},
    "opts": {"A": "Scurvy", "B": "Gout", "C": "Rickets"},
    "key": "A",
    "wrong_1": "Pellagra",
    "wrong_2": "Beriberi",
    "dotted.name": "dotted",
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
def test_columns_make_fields(columns, expected):
    assert map_row(SOURCE, columns) == SOURCE | expected


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"question": "Stem"}, "columns.question: column 'Stem' is missing. Did you mean 'stem'?"),
        ({"question": "context.text"}, "'context.text' is missing in column 'context'. Did you mean 'contexts'?"),
        ({"question": "stem.text"}, "column 'stem' is a str, so that 'stem.text' is nowhere in it"),
        ({"question": "{{ steam }}"}, "column 'steam', which the template uses, is missing. Columns here: Question ID"),
        ({"question": '{{ row["Question"] }}'}, "column 'Question', which the template uses, is missing"),
        ({"question": "{{ stem | shout }}"}, "line 1: not a valid Jinja template (No filter named 'shout'.)"),
        ({"question": "{{ context }}"}, "prints a dict, not text"),
        ({"options": "{{ key }}"}, "the template gives a str, where a list is needed"),
        ({"options": "{{ context.missing }}"}, "asks for what is not there"),
        ({"question": "{{ context.update({}) }}"}, "unsafe"),
        ({"question": "{% for i in range(9) %}{{ i }}{% endfor %}"}, "column 'range'"),
    ],
)
def test_a_wrong_mapping_is_named(columns, told):
    with pytest.raises(UserError) as error:
        map_row(SOURCE, columns)
    assert told in str(error.value) and str(error.value).startswith("columns.")


def test_generated_records_take_the_place_of_templates():
    columns = {"note": "{{ HPI }} {{ Exam }}", "label": "{{ row['UTI?'] }}"}
    generated = {"note": "Dysuria.", "label": "UTI"}
    assert map_row(generated, columns, generated=True) == generated
    with pytest.raises(UserError, match="column 'Exam'"):
        map_row(generated, columns)


def test_what_a_field_loses_is_counted():
    repairs = Tally()
    rows = [{"id": " 1", "note": "a", "label": "uti "}, {"id": "2", "note": "b", "label": "UTI"}]
    assert [row["label"] for row in task_rows(rows, UTI, FILE, repairs)] == ["UTI", "UTI"]
    assert repairs.record() == {
        "white space around field 'id' dropped": {"count": 1, "first": "row 1"},
        "white space around field 'label' dropped": {"count": 1, "first": "row 1"},
        "label respelled as in the task file": {"count": 1, "first": "row 1"},
    }


@pytest.mark.parametrize("facts", [{"sampled": 2, "drops": {}}, {"drops": {"repeats another row": 3}}])
def test_a_row_that_was_drawn_is_counted_among_those_that_were_kept(facts):
    repairs = Tally()
    rows = [{"id": "q71", "note": "a", "label": "UTI"}, {"id": "q78", "note": "b", "label": "uti"}]
    task_rows(rows, UTI, FILE | facts, repairs)
    assert repairs.record()["label respelled as in the task file"]["first"] == "row 2 of source.jsonl"
    rows[1]["label"] = "perhaps"
    with pytest.raises(UserError, match=r"^source.jsonl, drawn from notes.csv, row 2: task 'uti', id 'q78'"):
        task_rows(rows, UTI, FILE | facts)
    with pytest.raises(UserError, match=r"^notes.csv, row 2: task 'uti', id 'q78'"):
        task_rows(rows, UTI, FILE | {"drops": {}})


def test_a_teams_own_notes_need_no_python():
    """ACI-Bench: dialogues and notes under `data`, mapped by the task file alone."""
    rows, provenance = sources.retrieve({"kind": "file", "path": str(real_data("acibench", "train.json"))}, seed=1, n=1)
    task = {
        "name": "visit_note",
        "answer_type": "text",
        "columns": {"id": "file", "reference": "tgt", "dialogue": "{{ src | replace('[doctor]', 'Doctor:') }}"},
        "prompt": "{{ dialogue }}\n\nWrite the note.",
    }
    made = task_rows(rows, task, provenance)
    assert len(made) == len(rows) == provenance["rows"]
    for row, raw in zip(made, rows, strict=True):
        assert row["id"] == raw["file"] and row["completion"][0]["content"] == raw["tgt"].strip()
        assert row["prompt"][0]["content"].startswith(raw["src"].strip().replace("[doctor]", "Doctor:")[:200])


def test_an_id_is_made_of_the_prompt_where_there_is_none():
    rows = task_rows([{"note": note, "label": "UTI"} for note in ("a", "b", "a")], UTI, FILE)
    assert rows[0]["id"] == rows[2]["id"] != rows[1]["id"]
    assert rows[0]["id"].startswith("uti-")


def test_a_field_the_template_tests_may_be_missing():
    template = "{% if history %}{{ history }}. {% endif %}{{ note }} {{ age | default('adult') }}"
    assert render_prompt(template, {"note": "Cough.", "history": ""}) == "Cough. adult"


BAD_ROWS = [
    (UTI, {"label": "UTI"}, ["field 'note'", "missing", "Fields here: id, label", "columns"]),
    (UTI, {"note": "  ", "label": "UTI"}, ["field 'note' is empty", "remove the row"]),
    (UTI, {"note": None, "label": "UTI"}, ["field 'note' is empty"]),
    (UTI, {"note": "x"}, ["field 'label' is missing", "Fields here: id, note"]),
    (UTI, {"note": "x", "label": ""}, ["field 'label' is empty", "Fill it in"]),
    (UTI, {"note": "x", "label": "No UTIs"}, ["'No UTIs' is not a label", "UTI, No UTI", "Did you mean 'No UTI'?"]),
    (UTI, {"note": "x", "label": True}, ["field 'label' is a bool"]),
    (UTI, {"note": "x", "label": "p" * 99}, ["'" + "p" * 40 + "...'"]),
    (REASONING, question(reference=" "), ["field 'reference' is empty"]),
    (REASONING, question(rejected="scurvy "), ["field 'rejected' holds the right answer", "wrong one"]),
    (REASONING, question(options=["Rickets", "SCURVY"]), ["field 'options' holds the right answer"]),
    (REASONING, question(options="Rickets; Gout"), ["field 'options' must be a list", "`options: [one, other]`"]),
    (REASONING, question(accepted=["", "x"]), ["field 'accepted' must be a list", "none of them empty"]),
    (REASONING | {"prompt": "{{ question"}, question(), ["key 'prompt', line 1", "not a valid Jinja template"]),
    (REASONING | {"prompt": "{{ question.a.b }}"}, question(), ["not there", "See `prompt`"]),
    (REASONING | {"prompt": "{{ question.__class__ }}"}, question(), ["cannot be filled in", "unsafe"]),
    (REASONING | {"prompt": "{{ question + 1 }}"}, question(), ["cannot be filled in"]),
    (REASONING | {"prompt": " {# nothing #} "}, question(), ["the prompt is empty"]),
]


@pytest.mark.parametrize(("task", "record", "told"), BAD_ROWS)
def test_a_bad_row_is_named_with_the_mend(task, record, told):
    good = {"id": "ok", "note": "y", "question": "y", "label": "UTI", "reference": "y"}
    records = [{"id": "r7", **record}] if "{{ n" not in task["prompt"] else [good, {"id": "r7", **record}]
    with pytest.raises(UserError) as error:
        task_rows(records, task, FILE)
    name = record.get("id", "r7")
    for part in [f"notes.csv, row {len(records)}", f"task '{task['name']}', id '{name}'", *told]:
        assert part in str(error.value)


def test_a_missing_column_and_a_repeated_id_are_named():
    with pytest.raises(
        UserError, match=r"notes.csv, row 1: config/tasks/uti.yaml, columns.note: column 'passage' is missing.*label"
    ):
        task_rows([{"note": "x", "label": "UTI"}], UTI | {"columns": {"note": "passage"}}, FILE)
    rows = [{"pmid": 7, "note": note, "label": "UTI"} for note in "ab"]
    with pytest.raises(UserError, match=r"notes.csv, row 2: id '7' is also that of row 1"):
        task_rows(rows, UTI | {"columns": {"id": "pmid"}}, FILE)
