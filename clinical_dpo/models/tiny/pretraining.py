"""Tiny Llama and Mistral models, pre-trained here in about a minute, as ordinary Hugging Face folders."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from clinical_dpo.errors import UserError
from clinical_dpo.io import replacing
from clinical_dpo.models.tiny.corpus import Document, documents

_MERGE_DOCUMENTS = 4000  # enough to learn the tokenizer's merges from
_SMOOTHING = 0.97  # of the loss that is reported


@dataclass(frozen=True)
class Architecture:
    """A model class and the tokens of its chat format; lean, since every special token costs CPU time."""

    config: type[Any]
    model: type[Any]
    bos: str
    eos: str
    user: str
    assistant: str
    pad: str

    @property
    def chat_template(self) -> str:
        """Jinja: one token opens the user's turn, one the answer, one ends it."""
        return (
            "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
            "{% generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}"
            f"{{% else %}}{self.user}{{{{ message['content'] }}}}{self.assistant}{{% endif %}}{{% endfor %}}"
        )


ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture(
        LlamaConfig, LlamaForCausalLM, "<|begin_of_text|>", "<|eot_id|>", "<|user|>", "<|assistant|>", "<|pad|>"
    ),
    "mistral": Architecture(MistralConfig, MistralForCausalLM, "<s>", "</s>", "[INST]", "[/INST]", "<pad>"),
}


@dataclass(frozen=True)
class Pretraining:
    """Corpus, size and schedule of a tiny model: the `pretraining` block of a model file."""

    corpus: Sequence[str]  # generators whose notes the documents are about (see corpus)
    documents: int
    crude_share: float  # of the tasks' own wordings, answered by a crude rule (see corpus)
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    sliding_window: int | None  # tokens; Mistral only
    max_positions: int  # tokens
    initializer_range: float
    steps: int
    batch_size: int  # documents
    learning_rate: float  # AdamW: embeddings and norms
    muon_learning_rate: float  # Muon: the layers' matrices
    muon_iterations: int  # of Newton and Schulz; fewer are faster
    weight_decay: float
    warmup_steps: int
    decay_from: float  # share of the steps after which the rate falls linearly
    final_rate: float  # share of the peak rate at the end
    max_grad_norm: float

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Pretraining":
        """Raises UserError naming a key that is missing or unknown."""
        names = {field.name for field in fields(cls)}
        for name in sorted(names ^ set(settings)):
            problem = "is missing" if name in names else f"is not known; known keys: {', '.join(sorted(names))}"
            raise UserError(f"pretraining: key '{name}' {problem}.")
        return cls(**settings)


@dataclass(frozen=True)
class Encoded:
    """A document's tokens and which of them are answers (end-of-turn token included)."""

    ids: list[int]
    answer: list[bool]


def build_tiny_model(architecture: str, settings: Mapping[str, Any], seed: int, out: str | Path) -> dict[str, Any]:
    """Pre-train a tiny model and save it, with its tokenizer, as safetensors.

    The same seed, settings, library versions and number of threads give the same bytes.

    Args:
        architecture: `llama` or `mistral`.
        settings: the fields of Pretraining.
        seed: of corpus, weights and order.
        out: folder, replaced whole.

    Returns:
        `parameters`, `vocabulary`, `documents`, `steps`, `tokens_seen`, `final_loss` (nats per answer token,
        smoothed) and `wall_seconds`.

    Raises:
        UserError: an unknown architecture, or settings that do not fit it.
    """
    if architecture not in ARCHITECTURES:
        raise UserError(f"architecture '{architecture}' is not known. Known: {', '.join(ARCHITECTURES)}.")
    wanted = Pretraining.from_settings(settings)
    if wanted.sliding_window is not None and architecture == "llama":
        raise UserError("pretraining: sliding_window is for mistral; a llama needs null.")
    started = time.monotonic()
    kind = ARCHITECTURES[architecture]
    corpus = documents(wanted.documents, f"{architecture}/{seed}", wanted.crude_share, wanted.corpus)
    tokenizer = train_tokenizer(kind, corpus[:_MERGE_DOCUMENTS], wanted.vocab_size, wanted.max_positions)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make_model(kind, tokenizer, wanted)
    facts = _train(model, [encode(document, tokenizer, kind) for document in corpus], wanted, Random(seed))
    with replacing(out) as part:
        model.save_pretrained(part, safe_serialization=True)
        tokenizer.save_pretrained(part)
    return {
        "parameters": model.num_parameters(),
        "vocabulary": len(tokenizer),
        "documents": len(corpus),
        "steps": wanted.steps,
        **facts,
        "wall_seconds": round(time.monotonic() - started, 2),
    }


def train_tokenizer(
    kind: Architecture, corpus: Sequence[Document], vocab_size: int, max_length: int
) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer (any UTF-8 text can be encoded) with the architecture's chat template."""
    bpe = Tokenizer(models.BPE())
    # A leading space everywhere: "UTI" opens an answer as the token it is within a sentence.
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[kind.bos, kind.eos, kind.user, kind.assistant, kind.pad],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((text for document in corpus for turn in document for text in turn), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=kind.bos,
        eos_token=kind.eos,
        pad_token=kind.pad,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=max_length,
    )
    tokenizer.chat_template = kind.chat_template
    return tokenizer


def make_model(kind: Architecture, tokenizer: PreTrainedTokenizerFast, wanted: Pretraining) -> Any:
    """An untrained model; weights are drawn from torch's global generator."""
    window = {"sliding_window": wanted.sliding_window} if kind.config is MistralConfig else {}
    config = kind.config(
        vocab_size=len(tokenizer),
        hidden_size=wanted.hidden_size,
        intermediate_size=wanted.intermediate_size,
        num_hidden_layers=wanted.layers,
        num_attention_heads=wanted.heads,
        num_key_value_heads=wanted.kv_heads,
        max_position_embeddings=wanted.max_positions,
        initializer_range=wanted.initializer_range,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **window,
    )
    return kind.model(config)


def encode(document: Document, tokenizer: PreTrainedTokenizerFast, kind: Architecture) -> Encoded:
    """Tokens of a document; the same as its chat template gives, without running Jinja ten thousand times."""
    special: Any = tokenizer.convert_tokens_to_ids([kind.bos, kind.eos, kind.user, kind.assistant])
    bos, eos, user, assistant = special
    texts = [text for turn in document for text in turn]
    parts: Any = tokenizer(texts, add_special_tokens=False)["input_ids"]
    ids, answer = [bos], [False]
    for question, reply in zip(parts[::2], parts[1::2], strict=True):
        ids += [user, *question, assistant, *reply, eos]
        answer += [False] * (len(question) + 2) + [True] * (len(reply) + 1)
    return Encoded(ids, answer)


def _train(model: Any, corpus: Sequence[Encoded], wanted: Pretraining, rng: Random) -> dict[str, Any]:
    """Fixed steps, loss on answers only. Muon on the matrices: AdamW alone is still on its plateau at 800 steps."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    decay = wanted.weight_decay
    optimizers = [
        (torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=decay), wanted.learning_rate),
        (
            torch.optim.Muon(matrices, momentum=0.95, weight_decay=decay, ns_steps=wanted.muon_iterations),
            wanted.muon_learning_rate,
        ),
    ]
    model.train()
    batches = _batches(corpus, wanted.batch_size, rng)
    tokens_seen, smoothed = 0, None
    for step in range(wanted.steps):
        ids, answer = _collate(next(batches), model.config.pad_token_id)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * rate(step, wanted)
        # Padded on the right under a causal mask: no token sees a pad. The head runs on answer tokens only.
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        scored = answer[:, 1:]
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[:, :-1][scored]), ids[:, 1:][scored])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), wanted.max_grad_norm)
        for optimizer, _ in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        tokens_seen += ids.numel()
        smoothed = loss.item() if smoothed is None else _SMOOTHING * smoothed + (1 - _SMOOTHING) * loss.item()
    model.eval()
    return {"tokens_seen": tokens_seen, "final_loss": smoothed}


def rate(step: int, wanted: Pretraining) -> float:
    """Share of the peak learning rate at a step: warm-up, a flat stretch, then linear down to `final_rate`."""
    start = wanted.decay_from * wanted.steps
    down = (wanted.steps - step) / (wanted.steps - start)
    return min((step + 1) / max(1, wanted.warmup_steps), 1.0, max(wanted.final_rate, down))


def _batches(corpus: Sequence[Encoded], size: int, rng: Random) -> Iterator[list[Encoded]]:
    """Endless batches of similar length, mixed anew every epoch."""
    while True:
        order = sorted(corpus, key=lambda document: len(document.ids) + 20 * rng.random())
        batches = [order[start : start + size] for start in range(0, len(order) - size + 1, size)]
        rng.shuffle(batches)
        yield from batches


def _collate(batch: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and answer mask, each (batch, tokens), padded on the right."""
    width = max(len(document.ids) for document in batch)
    ids = torch.tensor([document.ids + [pad] * (width - len(document.ids)) for document in batch])
    answer = torch.tensor([document.answer + [False] * (width - len(document.ids)) for document in batch])
    return ids, answer
