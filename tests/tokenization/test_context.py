"""Few-shot prompts must leave room for the answer, as the model's tokenizer counts."""

import pytest

from clinical_dpo.data.few_shot import with_examples
from clinical_dpo.errors import PublicError
from clinical_dpo.tokenization.context import check_context
from tests.helpers.chat_tokenizers import KINDS, chat_tokenizer
from tests.helpers.task_rows import task_row

EXAMPLES = [task_row("t0", "A man reports dysuria.", "UTI"), task_row("t1", "A man denies fever.", "No UTI")]
ROWS = [with_examples(task_row(f"q{n}", "A man reports dysuria. " * n, "UTI"), EXAMPLES) for n in (1, 3, 2)]


def tokens(row, tokenizer):
    text = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_is_the_context_less_the_answer(kind):
    tokenizer = chat_tokenizer(kind)
    longest = tokens(ROWS[1], tokenizer)
    assert longest == max(tokens(row, tokenizer) for row in ROWS)
    assert check_context(ROWS, tokenizer, 5, longest + 5, "test") == longest
    with pytest.raises(PublicError, match=rf"test, row 2: .* takes {longest} tokens, and an answer takes up to 6"):
        check_context(ROWS, tokenizer, 6, longest + 5, "test")


def test_a_message_quotes_no_text():
    with pytest.raises(PublicError) as error:
        check_context(ROWS, chat_tokenizer("llama3"), 5, 10, "test.jsonl")
    assert "dysuria" not in str(error.value) and "q1" not in str(error.value)


def test_a_model_without_a_limit_and_an_empty_split_pass():
    tokenizer = chat_tokenizer("llama3")
    assert check_context(ROWS, tokenizer, 10**9, None, "test") > 0 and check_context([], tokenizer, 5, 10, "dev") == 0
