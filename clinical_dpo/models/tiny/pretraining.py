"""Pre-train tiny Llama and Mistral models in about a minute and save them as ordinary Hugging Face folders."""

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

_MERGE_DOCUMENTS = 4000  # enough to learn the tokenizer's merges
_SMOOTHING = 0.97  # weight of earlier steps in the reported loss


@dataclass(frozen=True)
class Architecture:
    """The classes of a model and of its config, and the model's special tokens.

    `chat_template` adds few special tokens to a conversation, because each token costs CPU time.
    """

    config: type[Any]
    model: type[Any]
    bos: str
    eos: str
    user: str
    assistant: str
    pad: str

    @property
    def chat_template(self) -> str:
        """Jinja template of a conversation.

        One token opens the user's turn, one opens the answer, and one ends the answer.
        """
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

    corpus: Sequence[str]  # generators of the documents' notes (see corpus)
    documents: int
    crude_share: float  # share of the questions in a task's exact wording that get a crude answer (see corpus)
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
    muon_iterations: int  # Newton-Schulz iterations; fewer are faster
    weight_decay: float
    warmup_steps: int
    decay_from: float  # share of the steps after which the learning rate falls linearly
    final_rate: float  # share of the peak rate at the end
    max_grad_norm: float

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Pretraining":
        """Read the `pretraining` block of a model file.

        Raises:
            UserError: a key is missing or unknown.
        """
        names = {field.name for field in fields(cls)}
        for name in sorted(names ^ set(settings)):
            if name in names:
                raise UserError(f"pretraining: key '{name}' is missing. Add it to the model file.")
            raise UserError(f"pretraining: key '{name}' is not known. Use these keys: {', '.join(sorted(names))}.")
        return cls(**settings)


@dataclass(frozen=True)
class Encoded:
    """Token ids of a document, and whether each token belongs to an answer. Answers include the end-of-turn token."""

    ids: list[int]
    answer: list[bool]


def build_tiny_model(architecture: str, settings: Mapping[str, Any], seed: int, out: str | Path) -> dict[str, Any]:
    """Pre-train a tiny model and save it, with its tokenizer, as safetensors.

    Equal seeds, settings, library versions and numbers of threads give equal bytes.

    Args:
        architecture: `llama` or `mistral`.
        settings: the fields of Pretraining.
        seed: seed of corpus, weights and order of the batches.
        out: folder to write or replace.

    Returns:
        Facts about the training: `parameters`, `vocabulary`, `documents`, `steps`, `tokens_seen`, `final_loss` (nats
        per answer token, smoothed) and `wall_seconds`.

    Raises:
        UserError: an unknown architecture or key, a missing key, or a sliding window for `llama`.
    """
    if architecture not in ARCHITECTURES:
        raise UserError(f"architecture '{architecture}' is not known. Use one of {', '.join(ARCHITECTURES)}.")
    pretraining = Pretraining.from_settings(settings)
    if pretraining.sliding_window is not None and architecture == "llama":
        raise UserError("pretraining: key 'sliding_window': llama has no sliding window. Set sliding_window: null.")
    started = time.monotonic()
    kind = ARCHITECTURES[architecture]
    corpus = documents(pretraining.documents, f"{architecture}/{seed}", pretraining.crude_share, pretraining.corpus)
    tokenizer = train_tokenizer(kind, corpus[:_MERGE_DOCUMENTS], pretraining.vocab_size, pretraining.max_positions)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make_model(kind, tokenizer, pretraining)
    facts = _train(model, [encode(document, tokenizer, kind) for document in corpus], pretraining, Random(seed))
    with replacing(out) as part:
        model.save_pretrained(part, safe_serialization=True)
        tokenizer.save_pretrained(part)
    return {
        "parameters": model.num_parameters(),
        "vocabulary": len(tokenizer),
        "documents": len(corpus),
        "steps": pretraining.steps,
        **facts,
        "wall_seconds": round(time.monotonic() - started, 2),
    }


def train_tokenizer(
    kind: Architecture, corpus: Sequence[Document], vocab_size: int, max_length: int
) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer, which can encode any UTF-8 text.

    Args:
        kind: the architecture, whose special tokens and chat template the tokenizer gets.
        corpus: documents to learn the merges from.
        vocab_size: number of tokens.
        max_length: longest input of the model in tokens.
    """
    bpe = Tokenizer(models.BPE())
    # Every text gets a leading space. "UTI" at the start of an answer is then the same token as within a sentence.
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


def make_model(kind: Architecture, tokenizer: PreTrainedTokenizerFast, pretraining: Pretraining) -> Any:
    """Make an untrained model. Its weights are drawn from torch's global random generator."""
    window = {"sliding_window": pretraining.sliding_window} if kind.config is MistralConfig else {}
    config = kind.config(
        vocab_size=len(tokenizer),
        hidden_size=pretraining.hidden_size,
        intermediate_size=pretraining.intermediate_size,
        num_hidden_layers=pretraining.layers,
        num_attention_heads=pretraining.heads,
        num_key_value_heads=pretraining.kv_heads,
        max_position_embeddings=pretraining.max_positions,
        initializer_range=pretraining.initializer_range,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **window,
    )
    return kind.model(config)


def encode(document: Document, tokenizer: PreTrainedTokenizerFast, kind: Architecture) -> Encoded:
    """Return the token ids of a document, equal to those that the chat template gives.

    The function does not run the Jinja template, because Jinja is slow.
    """
    special: Any = tokenizer.convert_tokens_to_ids([kind.bos, kind.eos, kind.user, kind.assistant])
    bos, eos, user, assistant = special
    texts = [text for turn in document for text in turn]
    parts: Any = tokenizer(texts, add_special_tokens=False)["input_ids"]
    ids, answer = [bos], [False]
    for question, reply in zip(parts[::2], parts[1::2], strict=True):
        ids += [user, *question, assistant, *reply, eos]
        answer += [False] * (len(question) + 2) + [True] * (len(reply) + 1)
    return Encoded(ids, answer)


def _train(model: Any, corpus: Sequence[Encoded], pretraining: Pretraining, rng: Random) -> dict[str, Any]:
    """Train a model for a fixed number of steps. The loss covers answers only. Return `tokens_seen` and `final_loss`.

    Muon updates the layers' matrices. With AdamW alone, the loss is still on a plateau after 800 steps.
    """
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    decay = pretraining.weight_decay
    optimizers = [
        (torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=decay), pretraining.learning_rate),
        (
            torch.optim.Muon(matrices, momentum=0.95, weight_decay=decay, ns_steps=pretraining.muon_iterations),
            pretraining.muon_learning_rate,
        ),
    ]
    model.train()
    batches = _batches(corpus, pretraining.batch_size, rng)
    tokens_seen, smoothed = 0, None
    for step in range(pretraining.steps):
        ids, answer = _collate(next(batches), model.config.pad_token_id)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * learning_rate_factor(step, pretraining)
        # Padding is on the right under a causal mask, so no token sees it. The head runs on answer tokens only.
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        scored = answer[:, 1:]
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[:, :-1][scored]), ids[:, 1:][scored])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), pretraining.max_grad_norm)
        for optimizer, _ in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        tokens_seen += ids.numel()
        smoothed = loss.item() if smoothed is None else _SMOOTHING * smoothed + (1 - _SMOOTHING) * loss.item()
    model.eval()
    return {"tokens_seen": tokens_seen, "final_loss": smoothed}


def learning_rate_factor(step: int, pretraining: Pretraining) -> float:
    """Return the learning rate at a step, as a share of the peak learning rate.

    The share rises linearly to 1 in the warm-up, then stays at 1, and then falls linearly. It stops falling at
    `pretraining.final_rate`.
    """
    start = pretraining.decay_from * pretraining.steps
    decayed = (pretraining.steps - step) / (pretraining.steps - start)
    return min((step + 1) / max(1, pretraining.warmup_steps), 1.0, max(pretraining.final_rate, decayed))


def _batches(corpus: Sequence[Encoded], size: int, rng: Random) -> Iterator[list[Encoded]]:
    """Yield batches of `size` documents for an endless sequence of epochs. Every epoch draws new batches.

    The documents of a batch have similar lengths. In each epoch, the documents that do not fill a batch are left out.
    """
    while True:
        order = sorted(corpus, key=lambda document: len(document.ids) + 20 * rng.random())
        batches = [order[start : start + size] for start in range(0, len(order) - size + 1, size)]
        rng.shuffle(batches)
        yield from batches


def _collate(batch: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two tensors of shape (documents, tokens): the token ids, and whether each token belongs to an answer.

    Short documents are padded on the right, with the token id `pad` and with False.
    """
    width = max(len(document.ids) for document in batch)
    ids = torch.tensor([document.ids + [pad] * (width - len(document.ids)) for document in batch])
    answer = torch.tensor([document.answer + [False] * (width - len(document.ids)) for document in batch])
    return ids, answer
