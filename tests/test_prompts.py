import copy

import pytest

from clinical_dpo import sources
from clinical_dpo.errors import UserError
from clinical_dpo.mapping import map_row
from clinical_dpo.prompts import check_lengths, render_prompt, task_row, task_rows, tokenize_completion
from clinical_dpo.tally import Tally
from tests.conftest import real_data

UTI = {
    "name": "uti",
    "outcome": "label",
    "labels": ["UTI", "No UTI"],
    "prompt": "Passage: {{ note }}\n\nDoes this patient have a urinary tract infection?",
}
REASONING = {"name": "reasoning", "outcome": "answer", "prompt": "{{ question }}\n\nAnswer briefly."}
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


def test_a_teams_own_notes_need_no_python():
    """ACI-Bench: dialogues and notes under `data`, mapped by the task file alone."""
    rows, provenance = sources.retrieve({"kind": "file", "path": str(real_data("acibench", "train.json"))}, seed=1, n=1)
    task = {
        "name": "visit_note",
        "outcome": "text",
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


# Lengths: a word-level tokenizer, so that tokens can be counted by eye.

TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} </s> {% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "</s>", "<user>", "<assistant>", *(f"w{i}" for i in range(40))]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", eos_token="</s>", pad_token="</s>", chat_template=TEMPLATE
    )


def words(n: int) -> str:
    return " ".join(f"w{i}" for i in range(n))


def sft_row(prompt: int, answer: int) -> dict[str, object]:
    return {
        "id": f"{prompt}-{answer}",
        "prompt": [{"role": "user", "content": words(prompt)}],
        "completion": [{"role": "assistant", "content": words(answer)}],
    }


def pair(prompt: int, chosen: int, rejected: int) -> dict[str, object]:
    row = sft_row(prompt, chosen)
    return {
        "id": row["id"],
        "prompt": row["prompt"],
        "chosen": row["completion"],
        "rejected": [{"role": "assistant", "content": words(rejected)}],
    }


def test_lengths_are_counted(tokenizer):
    # <user> 10 words </s> <assistant> | n words </s>
    rows = [sft_row(10, n) for n in range(1, 11)]
    assert check_lengths(rows, tokenizer, 20) == {
        "rows": 10,
        "truncated": 4,
        "max_tokens": 24,
        "quantiles": {"0.5": 19, "0.9": 23, "0.99": 24},
    }
    assert check_lengths([pair(10, 1, 10)], tokenizer, 20, ("chosen", "rejected"))["truncated"] == 1
    assert check_lengths([], tokenizer, 20)["max_tokens"] == 0


@pytest.mark.parametrize(
    ("row", "columns"), [(sft_row(12, 2), ("completion",)), (pair(12, 2, 3), ("chosen", "rejected"))]
)
def test_a_prompt_that_fills_max_length_is_named(tokenizer, row, columns):
    check_lengths([row], tokenizer, 16, columns)
    with pytest.raises(UserError, match=r"row 2 \(id '12-2'\): the prompt alone takes 15 tokens and max_length is 15"):
        check_lengths([sft_row(1, 1) | pair(1, 1, 2), row], tokenizer, 15, columns)


def test_an_answer_without_tokens_is_named(tokenizer):
    tokenizer_without_end = type(tokenizer)(
        tokenizer_object=tokenizer._tokenizer, eos_token="</s>", chat_template=TEMPLATE.replace(" </s> {%", " {%")
    )
    with pytest.raises(UserError, match=r"row 1 \(id '3-0'\): 'completion' has no tokens"):
        check_lengths([sft_row(3, 0)], tokenizer_without_end, 15)


def test_tokens_equal_those_trl_trains_on(tokenizer, tmp_path):
    torch = pytest.importorskip("torch")
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    torch.set_num_threads(1)
    size = {"vocab_size": 44, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    model = LlamaForCausalLM(LlamaConfig(**size, num_attention_heads=1, num_key_value_heads=1, eos_token_id=1))
    options = {"output_dir": str(tmp_path), "use_cpu": True, "report_to": "none", "bf16": False, "max_length": 14}
    rows = [sft_row(5, 3), sft_row(8, 9), sft_row(9, 1)]
    pairs = [pair(5, 3, 4), pair(8, 9, 1), pair(9, 1, 2)]

    def train_rows(rows):
        data = Dataset.from_list(rows)
        return SFTTrainer(model, SFTConfig(**options), train_dataset=data, processing_class=tokenizer).train_dataset

    for row, kept in zip(rows, train_rows(rows), strict=True):
        prompt, answer = tokenize_completion(row, tokenizer, "completion")
        assert (prompt + answer)[:14] == kept["input_ids"]
        assert ([-100] * len(prompt) + answer)[:14] == kept["labels"]
    assert check_lengths(rows, tokenizer, 14)["truncated"] == 1

    dpo = DPOTrainer(
        model,
        copy.deepcopy(model),
        DPOConfig(**options),
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
    )
    for row, kept in zip(pairs, dpo.train_dataset, strict=True):
        for column in ("chosen", "rejected"):
            assert tokenize_completion(row, tokenizer, column) == (kept["prompt_ids"], kept[f"{column}_ids"])

    # TRL drops in silence what check_lengths refuses.
    assert len(train_rows([*rows, sft_row(11, 2)])) == 3
    with pytest.raises(UserError, match="row 4"):
        check_lengths([*rows, sft_row(11, 2)], tokenizer, 14)
