"""Random models, and rows of random words. A tokenizer with one token per word makes the rows' lengths known."""

import random
from collections.abc import Mapping
from typing import Any, NamedTuple


class Case(NamedTuple):
    """Lengths, vocabulary and batch size of one kind of rows."""

    name: str
    prompt: int  # mean tokens
    answer: int  # mean tokens, end included
    vocabulary: int
    batch: int  # pairs, or rows of SFT
    micro_batch: int | None = None  # of them computed at once; None for all


def random_model(arch: str, vocabulary: int, shape: Mapping[str, Any], dtype: str, **changes: Any) -> tuple[Any, Any]:
    """Build a random model on the device that jobs compute on, and its tokenizer. Returns both.

    Args:
        arch: a key of ARCHITECTURES, such as `llama`.
        vocabulary: number of tokens.
        shape, changes: further keyword arguments of the model's configuration.
        dtype: floating-point type of the weights.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from clinical_dpo.models.load import device
    from clinical_dpo.models.tiny.pretraining import ARCHITECTURES

    torch.manual_seed(0)
    kind = ARCHITECTURES[arch]
    tokenizer = word_tokenizer(kind, vocabulary)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}
    with torch.device(device()):
        config = kind.config(vocab_size=vocabulary, **shape, **ids, **changes)
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype), trust_remote_code=False)
    return model, tokenizer


def word_tokenizer(kind: Any, vocabulary: int) -> Any:
    """A tokenizer with one token per word and the architecture's chat template.

    Args:
        kind: value of ARCHITECTURES, with the special tokens and the template.
        vocabulary: number of tokens.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = [kind.pad, kind.bos, kind.eos, kind.user, kind.assistant]
    words = [*special, *(f"w{i}" for i in range(len(special), vocabulary))]
    plain = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=kind.pad))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    plain.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token=kind.bos, eos_token=kind.eos, pad_token=kind.pad, padding_side="left"
    )
    tokenizer.chat_template = kind.chat_template
    return tokenizer


def random_row(draw: random.Random, case: Case, spread: float, name: str) -> dict[str, Any]:
    """A row with a prompt and two answers of random words. It serves both SFT and DPO.

    Args:
        draw: source of the draws.
        case: mean lengths and vocabulary.
        spread: largest deviation of a length from its mean, as a share of the mean. Lengths are uniform within it.
        name: id of the row.
    """

    def text(role: str, mean: int, special: int) -> list[dict[str, str]]:
        length = max(1, round(mean * draw.uniform(1 - spread, 1 + spread)) - special)
        content = " ".join(f"w{draw.randrange(5, case.vocabulary)}" for _ in range(length))
        return [{"role": role, "content": content}]

    chosen, rejected = (text("assistant", case.answer, 1) for _ in range(2))
    prompt = text("user", case.prompt, 3)
    return {"id": name, "prompt": prompt, "completion": chosen, "chosen": chosen, "rejected": rejected}
