"""Tokens of prompts and answers, with a word-level tokenizer whose tokens a reader can count."""

import copy

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.tokenization.tokens import check_lengths, tokenize_completion
from tests.helpers.task_rows import task_row

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
    return task_row(f"{prompt}-{answer}", words(prompt), words(answer))


def pair(prompt: int, chosen: int, rejected: int) -> dict[str, object]:
    row = sft_row(prompt, chosen)
    return {
        "id": row["id"],
        "prompt": row["prompt"],
        "chosen": row["completion"],
        "rejected": [{"role": "assistant", "content": words(rejected)}],
    }


def test_lengths_of_rows_are_counted(tokenizer):
    # <user> 10 words </s> <assistant> | n words </s>
    rows = [sft_row(10, n) for n in range(1, 11)]
    assert check_lengths(rows, tokenizer, 20) == {
        "rows": 10,
        "truncated": 4,
        "max_tokens": 24,
        "quantiles": {"0.5": 19, "0.9": 23, "0.99": 24},
    }


def test_a_pair_with_one_truncated_answer_counts_as_truncated(tokenizer):
    assert check_lengths([pair(10, 1, 10)], tokenizer, 20, ("chosen", "rejected"))["truncated"] == 1


def test_no_rows_have_no_tokens(tokenizer):
    assert check_lengths([], tokenizer, 20)["max_tokens"] == 0


@pytest.mark.parametrize(
    ("row", "columns"), [(sft_row(12, 2), ("completion",)), (pair(12, 2, 3), ("chosen", "rejected"))]
)
def test_a_prompt_that_fills_max_length_is_refused_with_its_row(tokenizer, row, columns):
    check_lengths([row], tokenizer, 16, columns)
    with pytest.raises(UserError, match=r"row 2 \(id '12-2'\).* 15 tokens, but max_length is 15.*Raise max_length"):
        check_lengths([sft_row(1, 1) | pair(1, 1, 2), row], tokenizer, 15, columns)


def test_an_answer_without_tokens_is_refused_with_its_row(tokenizer):
    tokenizer_without_end = type(tokenizer)(
        tokenizer_object=tokenizer._tokenizer, eos_token="</s>", chat_template=TEMPLATE.replace(" </s> {%", " {%")
    )
    with pytest.raises(UserError, match=r"row 1 \(id '3-0'\): the answer 'completion' has no tokens. Fill in a text"):
        check_lengths([sft_row(3, 0)], tokenizer_without_end, 15)


@pytest.fixture
def trl_options(tmp_path):
    return {"output_dir": str(tmp_path), "use_cpu": True, "report_to": "none", "bf16": False, "max_length": 14}


@pytest.fixture(scope="module")
def tiny_model():
    torch = pytest.importorskip("torch")
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)
    size = {"vocab_size": 44, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    return LlamaForCausalLM(LlamaConfig(**size, num_attention_heads=1, num_key_value_heads=1, eos_token_id=1))


@pytest.fixture
def sft_dataset(tiny_model, tokenizer, trl_options):
    """The rows that TRL's SFT trainer makes of task rows."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    def prepare(rows):
        data = Dataset.from_list(rows)
        config = SFTConfig(**trl_options)
        return SFTTrainer(tiny_model, config, train_dataset=data, processing_class=tokenizer).train_dataset

    return prepare


SFT_ROWS = [sft_row(5, 3), sft_row(8, 9), sft_row(9, 1)]


def test_sft_tokens_equal_those_of_trl(tokenizer, sft_dataset):
    for row, expected in zip(SFT_ROWS, sft_dataset(SFT_ROWS), strict=True):
        prompt, answer = tokenize_completion(row, tokenizer, "completion")
        assert (prompt + answer)[:14] == expected["input_ids"]
        assert ([-100] * len(prompt) + answer)[:14] == expected["labels"]
    assert check_lengths(SFT_ROWS, tokenizer, 14)["truncated"] == 1


def test_dpo_tokens_equal_those_of_trl(tokenizer, tiny_model, trl_options):
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    pairs = [pair(5, 3, 4), pair(8, 9, 1), pair(9, 1, 2)]
    dpo = DPOTrainer(
        tiny_model,
        copy.deepcopy(tiny_model),
        DPOConfig(**trl_options),
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
    )
    for row, expected in zip(pairs, dpo.train_dataset, strict=True):
        for column in ("chosen", "rejected"):
            assert tokenize_completion(row, tokenizer, column) == (expected["prompt_ids"], expected[f"{column}_ids"])


def test_a_row_that_trl_drops_silently_is_refused(tokenizer, sft_dataset):
    rows = [*SFT_ROWS, sft_row(11, 2)]
    assert len(sft_dataset(rows)) == 3
    with pytest.raises(UserError, match="row 4"):
        check_lengths(rows, tokenizer, 14)
