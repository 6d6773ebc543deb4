"""Generated fields: prompts for the writer, its texts, the records with them, and their provenance."""

import pytest

from clinical_dpo.data.preferences import preference_pairs
from clinical_dpo.data.rows import task_rows
from clinical_dpo.endpoints.generated_fields.by_model import texts_of_model
from clinical_dpo.endpoints.generated_fields.fields import (
    text_prompts,
    texts_report,
    with_texts,
    with_writers,
    written_texts,
)
from clinical_dpo.errors import UserError
from tests.conftest import MODEL, TINY

RECORDS = [
    {"idx": "7", "note": "cut", "full_note": "Admitted with pyelonephritis; discharged on ciprofloxacin."},
    {"idx": "8", "note": "cut", "full_note": "Elective hernia repair without complication."},
]
COLUMNS = {"id": "idx", "note": "full_note"}
PROMPT = "Summarize: {{ note }}"
WRITER = {"written_by": "model llama2-7b-chat", "model": "meta-llama/Llama-2-7b-chat-hf", "revision": "f5db"}


def answers(*texts, finish_reason="stop"):
    return [{"text": text, "tokens": len(text.split()), "finish_reason": finish_reason} for text in texts]


def prompts(records, texts=None, prompt=PROMPT, columns=COLUMNS):
    settings = {"prompt": prompt, "columns": columns}
    return text_prompts(records, texts or {}, "rejected", settings, False, "source.jsonl")


def written(records, *texts, **more):
    return written_texts(prompts(records), answers(*texts, **more), WRITER, PROMPT, "source.jsonl")


def test_a_prompt_has_the_task_s_fields_and_the_record_s_number():
    rows = prompts(RECORDS)
    assert [(row["id"], row["number"]) for row in rows] == [("7", 1), ("8", 2)]
    assert rows[0]["prompt"] == [{"role": "user", "content": f"Summarize: {RECORDS[0]['full_note']}"}]


def test_equal_records_without_ids_share_a_prompt():
    rows = prompts([{"note": "a"}, {"note": "b"}, {"note": "a"}], columns={})
    assert [row["number"] for row in rows] == [1, 2] and len({row["id"] for row in rows}) == 2


def test_a_prompt_may_use_another_generated_field():
    notes = written([{"id": "1", "full_note": "x", "idx": "7"}], "A note that was written.")
    rows = prompts([{"idx": "7"}], {"vignette": notes}, "Shorten: {{ vignette }}", {"id": "idx"})
    assert rows[0]["prompt"][0]["content"] == "Shorten: A note that was written."


def test_a_record_without_a_field_is_refused_with_its_row():
    with pytest.raises(UserError, match=r"source\.jsonl, row 2: .*full_note"):
        prompts([RECORDS[0], {"idx": "8"}])


def test_a_prompt_that_cannot_be_filled_in_is_refused_with_its_key():
    with pytest.raises(
        UserError, match=r"row 1: key 'generated_fields\.rejected\.prompt', field 'vignette' is missing"
    ):
        prompts(RECORDS, prompt="{{ vignette }}")


def test_different_records_of_equal_id_are_refused_with_their_rows():
    with pytest.raises(UserError, match=r"source\.jsonl, row 2: .*row 1.*Make ids unique"):
        prompts([RECORDS[0], RECORDS[1] | {"idx": "7"}])


def test_an_empty_text_is_refused_with_its_row():
    with pytest.raises(
        UserError, match=r"source\.jsonl, row 2: model llama2-7b-chat.*1 of 2.*Change the field's `prompt`"
    ):
        written(RECORDS, "Fine.", " \n")


def test_a_record_without_its_text_is_refused_with_its_row_and_field():
    texts = {"rejected": written(RECORDS[:1], "Fine.")}
    with pytest.raises(UserError, match=r"source\.jsonl, row 2: .*'rejected'.*Delete the texts"):
        with_texts(RECORDS, texts, COLUMNS, False, "source.jsonl")


def test_a_text_is_stripped_and_keeps_its_origin():
    first, _ = written(RECORDS, " Short. ", "Other words.")
    assert first["text"] == "Short." and first["finish_reason"] == "stop" and first["tokens"] == 1
    assert WRITER.items() <= first.items() and len(first["prompt_sha256"]) == 64


def test_the_report_has_origin_and_counts_of_each_field():
    first, second = written(RECORDS, " Short. ", "Other words.")
    cut = written(RECORDS, "a b c", "d", finish_reason="length")
    report = texts_report({"reference": [first, second | {"model": "another"}], "rejected": cut})
    assert report["rejected"] == {**WRITER, "prompt_sha256": first["prompt_sha256"], "texts": 2, "tokens": 4, "cut": 2}
    assert report["reference"]["model"] == ["another", WRITER["model"]] and report["reference"]["cut"] == 0


def test_texts_become_answers_of_task_rows_and_pairs_with_their_origin():
    texts = {"reference": written(RECORDS, "Good.", "Better."), "rejected": written(RECORDS, "Bad.", "Worse.")}
    task = {"name": "notes", "answer_type": "text", "columns": COLUMNS, "prompt": PROMPT}
    records = with_texts([record | {"reference": "old"} for record in RECORDS], texts, COLUMNS, False, "source.jsonl")
    rows = with_writers(task_rows(records, task, {"data": "real", "id": "notes"}), texts)
    assert [row["completion"][0]["content"] for row in rows] == ["Good.", "Better."]
    pairs, _ = preference_pairs(rows, "field", seed=1)
    assert [pair["rejected"][0]["content"] for pair in pairs] == ["Bad.", "Worse."]
    assert {pair["rejected_from"] for pair in pairs} == {"model llama2-7b-chat"}
    assert with_texts(RECORDS, {}, COLUMNS, False, "") == RECORDS and with_writers(rows, {}) == rows


def test_a_prompt_that_is_too_long_for_the_model_is_refused_with_its_row(tiny_base):
    rows = prompts([RECORDS[0], RECORDS[1] | {"full_note": "fever " * 900}])
    with pytest.raises(
        UserError, match=r"source\.jsonl, row 2: .*1 of 2 .*most 1000 tokens, since 24 .*Shorten the prompt"
    ):
        texts_of_model(tiny_base, MODEL, rows, TINY["max_positions"] - 1000, 2, "source.jsonl")
