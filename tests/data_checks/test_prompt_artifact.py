"""What a model sees: the chat formats of the studies' models, and the trap in each."""

import pytest
from jinja2 import TemplateError

from clinical_dpo.data_checks.prompt_preview import artifact, shown_rows
from clinical_dpo.data_checks.row_checks import frame_findings, places, spelling_findings
from clinical_dpo.tokenization.lengths import token_lengths
from clinical_dpo.tokenization.tokenizer import load_tokenizer, special_tokens
from clinical_dpo.tokenization.tokens import prompt_tokens, tokenize_completion
from tests.helpers.chat_tokenizers import KINDS, LLAMA3, MISTRAL, chat_tokenizer


def row(prompt="A man reports dysuria. UTI or No UTI?", answer="No UTI", row_id="r1"):
    return {
        "id": row_id,
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": answer}],
    }


def shown(kind, *rows, private=False, template=None, max_length=500):
    tokenizer = chat_tokenizer(kind, template=template)
    both = places({"train": list(rows), "test": list(rows)}, private)
    return shown_rows(both, tokenizer, max_length, private), tokenizer


@pytest.mark.parametrize("kind", KINDS)
def test_begin_and_end_stand_once_and_the_loss_is_on_the_answer(kind):
    """Each of these tokenizers adds a begin-of-text token of its own to text that already has one."""
    entries, tokenizer = shown(kind, row())
    trained, generated = entries
    assert tokenizer(trained["text"])["input_ids"].count(tokenizer.bos_token_id) == 2
    for entry in entries:
        assert entry["begin_tokens"] == 1 and entry["token_ids"][0] == tokenizer.bos_token_id
    assert trained["end_tokens"] == trained["loss"][-1] == 1 and trained["token_ids"][-1] == tokenizer.eos_token_id
    learnt = [token for token, loss in zip(trained["token_ids"], trained["loss"], strict=True) if loss]
    assert tokenizer.decode(learnt, skip_special_tokens=True).strip() == "No UTI"
    assert trained["token_ids"][: len(generated["token_ids"])] == generated["token_ids"]
    assert frame_findings(entries, kind)[0].rows == 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_training_and_generation_use(kind):
    entries, tokenizer = shown(kind, row())
    prompt, answer = tokenize_completion(row(), tokenizer, "completion")
    assert entries[0]["token_ids"] == prompt + answer and entries[0]["loss"] == [0] * len(prompt) + [1] * len(answer)
    assert entries[1]["token_ids"] == prompt_tokens(row(), tokenizer)


def test_llama_3_ends_the_users_turn_with_the_same_token_and_opens_the_answers():
    (trained, generated), _ = shown("llama3", row())
    assert trained["text"].count("<|eot_id|>") == 2 and trained["end_tokens"] == 1
    assert generated["text"].endswith("<|start_header_id|>assistant<|end_header_id|>\n\n")
    assert "<|start_header_id|>" in {token for _, token in generated["special_tokens"]}


@pytest.mark.parametrize("kind", ["mistral", "biomistral"])
def test_mistral_has_no_system_role_and_wants_turns_to_alternate(kind):
    """Rows hold one user's turn, which it takes; whatever else were added would be refused, not dropped."""
    tokenizer = chat_tokenizer(kind)
    system, user = {"role": "system", "content": "Be brief."}, row()["prompt"][0]
    for messages in ([system, user], [user, user]):
        with pytest.raises(TemplateError):
            tokenizer.apply_chat_template(messages)
    for entry in shown(kind, row())[0]:
        assert "[INST] A man reports dysuria. UTI or No UTI? [/INST]" in entry["text"]


def test_a_model_without_a_pad_token_pads_with_its_end_and_still_learns_to_end(tmp_path):
    tokenizer = chat_tokenizer("mistral")
    assert tokenizer.pad_token is None
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.pad_token == loaded.eos_token == "</s>" and loaded.padding_side == "left"
    entry = shown_rows(places({"train": [row()]}, False), loaded, 500, False)[0]
    assert entry["loss"][-1] == 1 and entry["token_ids"][-1] == loaded.eos_token_id


@pytest.mark.parametrize(
    ("kind", "template", "begins", "ends"),
    [
        ("mistral", "{{ bos_token }}" + MISTRAL, 2, 1),
        ("mistral", MISTRAL.replace("{{- bos_token -}}", ""), 0, 1),
        ("mistral", MISTRAL.replace(" + eos_token", ""), 1, 0),
        ("llama3", LLAMA3.replace("{%- if loop.first -%}{{ bos_token }}{%- endif -%}", "{{- bos_token }}"), 2, 1),
    ],
)
def test_a_template_that_begins_or_ends_wrongly_is_found(kind, template, begins, ends):
    entries, _ = shown(kind, row(), template=template)
    assert (entries[0]["begin_tokens"], entries[0]["end_tokens"]) == (begins, ends)
    [found] = frame_findings(entries, kind)
    assert found.rows >= 1 and list(found.examples) == ["r1"]


def test_special_tokens_spelled_in_a_note_are_found():
    rows = places({"train": [row("He took <s>aspirin</s> daily."), row("a < b", row_id="r2")], "test": []}, False)
    tokenizer = chat_tokenizer("mistral")
    [found] = spelling_findings(rows, special_tokens(tokenizer).values(), "mistral")
    assert (found.rows, found.of, list(found.examples)) == (1, 2, ["r1"])
    assert shown_rows(rows, tokenizer, 500, False)[0]["begin_tokens"] == 2


def test_private_rows_show_numbers_and_special_tokens_alone():
    entries, tokenizer = shown("llama3", row("SECRET name, 5/3/1950", "hidden diagnosis", "MRN-77"), private=True)
    page = artifact(entries, tokenizer, "notes", "llama3")
    for text in (page, str(entries)):
        assert not any(word in text for word in ("SECRET", "1950", "hidden", "MRN-77", "token_ids"))
    assert "train:1" in page and "<|eot_id|>" in page and "tokens of prompt" in page
    assert entries[0]["answer_tokens"] > 2


def test_the_page_shows_prompt_answer_and_ids_whatever_the_text_holds():
    entries, tokenizer = shown("llama3", row("A list:\n```\nx\n```"), max_length=30)
    page = artifact(entries, tokenizer, "uti", "llama3")
    assert "````text" in page and "Answer (loss)" in page and "cut at max_length" in page
    assert " ".join(map(str, entries[1]["token_ids"])) in page
    assert len(entries[0]["token_ids"]) == 30
    many, _ = shown("llama3", *(row(row_id=f"r{i}") for i in range(9)))
    assert [entry["row"] for entry in many] == ["r0", "r1", "r2"] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_those_of_training(kind):
    """Also where an answer begins or ends with what a tokenizer may merge, and where a template trims it."""
    answers = ["No UTI", " No", "\nNo\n", "…", "x  y", "</s>", "é 🙂", "No UTI" * 50]
    prompts = ["A man.", "ends with a space ", "<s> é", "x" * 900]
    rows = [row(prompt, answer) for prompt in prompts for answer in answers]
    tokenizer = chat_tokenizer(kind)
    expected = [tuple(map(len, tokenize_completion(one, tokenizer, "completion"))) for one in rows]
    assert token_lengths(rows, tokenizer) == expected
