"""Previewed prompts in the chat formats of the studies' models, with the pitfalls of each format."""

import copy

import pytest
from jinja2 import TemplateError

from clinical_dpo.data_checks.prompt_preview import frame_faults, preview_page, preview_rows
from clinical_dpo.data_checks.row_checks import frame_findings, named_rows, spelling_findings
from clinical_dpo.tokenization.lengths import token_lengths
from clinical_dpo.tokenization.tokenizer import load_tokenizer, special_tokens
from clinical_dpo.tokenization.tokens import prompt_tokens, tokenize_completion
from tests.helpers.chat_tokenizers import KINDS, LLAMA3, MISTRAL, chat_tokenizer
from tests.helpers.task_rows import task_row


def row(prompt="A man reports dysuria. UTI or No UTI?", answer="No UTI", row_id="r1"):
    return task_row(row_id, prompt, answer)


def preview(kind, *rows, private=False, template=None, max_length=500):
    tokenizer = chat_tokenizer(kind, template=template)
    both = named_rows({"train": list(rows), "test": list(rows)}, private)
    return preview_rows(both, tokenizer, max_length, private), tokenizer


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_one_begin_token_and_one_end_token(kind):
    """Each of these tokenizers adds a second begin-of-text token to a text that already has one."""
    entries, tokenizer = preview(kind, row())
    trained, _ = entries
    assert tokenizer(trained["text"])["input_ids"].count(tokenizer.bos_token_id) == 2
    for entry in entries:
        assert entry["begin_tokens"] == 1 and entry["token_ids"][0] == tokenizer.bos_token_id
    assert trained["end_tokens"] == trained["loss"][-1] == 1 and trained["token_ids"][-1] == tokenizer.eos_token_id
    assert frame_findings(entries, kind)[0].rows == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_covers_the_answer_alone(kind):
    (trained, generated), tokenizer = preview(kind, row())
    in_loss = [token for token, loss in zip(trained["token_ids"], trained["loss"], strict=True) if loss]
    assert tokenizer.decode(in_loss, skip_special_tokens=True).strip() == "No UTI"
    assert trained["token_ids"][: len(generated["token_ids"])] == generated["token_ids"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_preview_has_the_tokens_of_training_and_generation(kind):
    entries, tokenizer = preview(kind, row())
    prompt, answer = tokenize_completion(row(), tokenizer, "completion")
    assert entries[0]["token_ids"] == prompt + answer and entries[0]["loss"] == [0] * len(prompt) + [1] * len(answer)
    assert entries[1]["token_ids"] == prompt_tokens(row(), tokenizer)


def test_llama_3_ends_both_turns_with_the_same_token():
    (trained, generated), _ = preview("llama3", row())
    assert trained["text"].count("<|eot_id|>") == 2 and trained["end_tokens"] == 1
    assert generated["text"].endswith("<|start_header_id|>assistant<|end_header_id|>\n\n")
    assert "<|start_header_id|>" in {token for _, token in generated["special_tokens"]}


@pytest.mark.parametrize("kind", ["mistral", "biomistral"])
def test_mistral_refuses_system_messages_and_repeated_roles(kind):
    """A row has one user message, which the template accepts. It raises an error for other messages."""
    tokenizer = chat_tokenizer(kind)
    system, user = {"role": "system", "content": "Be brief."}, row()["prompt"][0]
    for messages in ([system, user], [user, user]):
        with pytest.raises(TemplateError):
            tokenizer.apply_chat_template(messages)
    for entry in preview(kind, row())[0]:
        assert "[INST] A man reports dysuria. UTI or No UTI? [/INST]" in entry["text"]


def test_a_model_without_pad_token_pads_with_its_end_token_and_learns_to_end(tmp_path):
    tokenizer = chat_tokenizer("mistral")
    assert tokenizer.pad_token is None
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.pad_token == loaded.eos_token == "</s>" and loaded.padding_side == "left"
    entry = preview_rows(named_rows({"train": [row()]}, False), loaded, 500, False)[0]
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
def test_a_template_with_wrong_begin_or_end_tokens_is_counted(kind, template, begins, ends):
    entries, _ = preview(kind, row(), template=template)
    assert (entries[0]["begin_tokens"], entries[0]["end_tokens"]) == (begins, ends)
    [finding] = frame_findings(entries, kind)
    assert finding.rows >= 1 and list(finding.examples) == ["r1"]


CHATML = """{%- for message in messages -%}
{{ "<|start_header_id|>" + message.role + "\n" + message.content + "<|eot_id|>\n" }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ "<|start_header_id|>assistant\n" }}{%- endif -%}"""


def test_a_begin_token_that_opens_every_turn_is_no_fault():
    tokenizer = copy.deepcopy(chat_tokenizer("llama3", template=CHATML))
    tokenizer.bos_token = "<|start_header_id|>"
    prompt, answer = tokenize_completion(row(), tokenizer, "completion")
    assert prompt.count(tokenizer.bos_token_id) == 2 and frame_faults(prompt, answer, tokenizer) == []


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        (LLAMA3.replace("<|eot_id|>", "<|eot_id|><|eot_id|>"), "the same end token twice in the answer"),
        (LLAMA3.replace("<|eot_id|>", "<|eot_id|> Next:"), "text after the answer's end token"),
        (LLAMA3.replace("{{ bos_token }}", "So: {{ bos_token }}"), "no begin-of-text token at the start"),
    ],
)
def test_a_misplaced_begin_or_end_token_is_named(template, fault):
    entries, tokenizer = preview("llama3", row(), template=template)
    assert entries[0]["faults"] == [fault] and f"fault: {fault}" in preview_page(entries, tokenizer, "uti", "llama3")


def test_special_tokens_spelled_in_a_note_are_counted():
    rows = named_rows({"train": [row("He took <s>aspirin</s> daily."), row("a < b", row_id="r2")], "test": []}, False)
    tokenizer = chat_tokenizer("mistral")
    [finding] = spelling_findings(rows, special_tokens(tokenizer).values(), "mistral")
    assert (finding.rows, finding.of, list(finding.examples)) == (1, 2, ["r1"])
    assert preview_rows(rows, tokenizer, 500, False)[0]["begin_tokens"] == 1  # the spelling is read as text


def test_private_rows_are_shown_as_numbers_and_special_tokens_alone():
    entries, tokenizer = preview("llama3", row("SECRET name, 5/3/1950", "hidden diagnosis", "MRN-77"), private=True)
    page = preview_page(entries, tokenizer, "notes", "llama3")
    for text in (page, str(entries)):
        assert not any(word in text for word in ("SECRET", "1950", "hidden", "MRN-77", "token_ids"))
    assert "train:1" in page and "<|eot_id|>" in page and "tokens of prompt" in page
    assert entries[0]["answer_tokens"] > 2


def test_the_page_shows_prompt_answer_and_token_ids():
    entries, tokenizer = preview("llama3", row("A list:\n```\nx\n```"), max_length=30)
    page = preview_page(entries, tokenizer, "uti", "llama3")
    assert "````text" in page and "Answer (loss)" in page and "cut at max_length" in page
    assert " ".join(map(str, entries[1]["token_ids"])) in page
    assert len(entries[0]["token_ids"]) == 30


def test_the_first_three_rows_of_train_and_test_are_shown():
    many, _ = preview("llama3", *(row(row_id=f"r{i}") for i in range(9)))
    assert [entry["row"] for entry in many] == ["r0", "r1", "r2"] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_token_lengths_equal_those_of_training(kind):
    """The answers begin or end with characters that a tokenizer may merge or a template trims."""
    answers = ["No UTI", " No", "\nNo\n", "…", "x  y", "</s>", "é 🙂", "No UTI" * 50]
    prompts = ["A man.", "ends with a space ", "<s> é", "x" * 900]
    rows = [row(prompt, answer) for prompt in prompts for answer in answers]
    tokenizer = chat_tokenizer(kind)
    expected = [tuple(map(len, tokenize_completion(row, tokenizer, "completion"))) for row in rows]
    assert token_lengths(rows, tokenizer) == expected
