"""Tokens of prompts and answers, under a word-level tokenizer, so that they can be counted by eye."""

import copy

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.tokenization.tokens import check_lengths, tokenize_completion

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
