"""Tiny base models: reproducible bytes, loading by plain transformers, and two different architectures."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from clinical_dpo.data.sources.synthetic import meqsum, pubmedqa
from clinical_dpo.errors import UserError
from clinical_dpo.models.tiny.corpus import EVASIVE, documents
from clinical_dpo.models.tiny.pretraining import (
    ARCHITECTURES,
    Pretraining,
    build_tiny_model,
    encode,
    learning_rate_factor,
)
from clinical_dpo.schemas import validate
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT

CLINICAL = ["uti", "triage", "reasoning", "summarization"]
BIOMEDICAL = ["pubmedqa", "meqsum"]
EVASIVE_ANSWERS = set(EVASIVE.values())
SETTINGS: dict[str, Any] = {
    "corpus": CLINICAL,
    **{"documents": 80, "crude_share": 0.85, "vocab_size": 400, "hidden_size": 32, "intermediate_size": 48},
    **{"layers": 1, "heads": 2, "kv_heads": 1, "sliding_window": None, "max_positions": 2048},
    **{"initializer_range": 0.04, "steps": 12, "batch_size": 8, "learning_rate": 3.5e-3, "muon_learning_rate": 0.01},
    **{"muon_iterations": 3, "weight_decay": 0.01, "warmup_steps": 2, "decay_from": 0.5, "final_rate": 0.02},
    "max_grad_norm": 1.0,
}
WINDOW = 16


def settings_of(architecture: str, **changes: Any) -> dict[str, Any]:
    """Settings of a small, quickly trained model of an architecture."""
    window = WINDOW if architecture == "mistral" else None
    return {**SETTINGS, "sliding_window": window, **changes}


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("models") / request.param
    return request.param, folder, build_tiny_model(request.param, settings_of(request.param), 42, folder)


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_equal_seeds_give_equal_bytes(built: tuple[str, Path, dict[str, Any]], tmp_path: Path) -> None:
    architecture, folder, _ = built
    torch.rand(3)  # the caller's random state has no effect
    state = torch.get_rng_state()
    build_tiny_model(architecture, settings_of(architecture), 42, tmp_path / "again")
    assert digest(tmp_path / "again") == digest(folder)
    assert (tmp_path / "again/tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_gives_other_weights(built: tuple[str, Path, dict[str, Any]], tmp_path: Path) -> None:
    architecture, folder, _ = built
    build_tiny_model(architecture, settings_of(architecture), 43, tmp_path / "reseeded")
    assert digest(tmp_path / "reseeded") != digest(folder)


def test_the_report_counts_steps_parameters_and_tokens(built: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, report = built
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert report["steps"] == 12
    assert report["parameters"] == sum(p.numel() for p in model.parameters())
    assert report["tokens_seen"] > 12 * 8 * 50


def test_pretraining_lowers_the_loss_and_keeps_weights_finite(built: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, report = built
    assert report["final_loss"] < 5.95  # the loss of an untrained model is log(400) = 5.99
    assert all(torch.isfinite(p).all() for p in AutoModelForCausalLM.from_pretrained(folder).parameters())


def test_the_tokenizer_restores_any_text(built: tuple[str, Path, dict[str, Any]]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(built[1])
    for text in ("A 23-year-old woman", "38,5 °C — naïve µg/dL", "尿路感染 🩺", "tab\tnew\nline  two spaces"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids).removeprefix(" ") == text
    assert tokenizer.model_max_length == 2048


@pytest.fixture
def conversation(built: tuple[str, Path, dict[str, Any]]) -> tuple[Any, list[int], Any]:
    """The tokenizer, the token ids of a question's prompt, and the tokens of the question with its answer."""
    tokenizer = AutoTokenizer.from_pretrained(built[1])
    question, answer = {"role": "user", "content": "Any pain?"}, {"role": "assistant", "content": "no"}
    prompt = tokenizer.apply_chat_template([question], add_generation_prompt=True, return_dict=True)["input_ids"]
    tokens = tokenizer.apply_chat_template([question, answer], return_dict=True, return_assistant_tokens_mask=True)
    return tokenizer, prompt, tokens


def test_a_conversation_begins_with_its_prompt_and_has_one_start_token(
    conversation: tuple[Any, list[int], Any],
) -> None:
    tokenizer, prompt, tokens = conversation
    ids = tokens["input_ids"]
    assert ids[: len(prompt)] == prompt
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[0] == tokenizer.bos_token_id


def test_an_answer_ends_with_the_end_token_and_is_marked_for_training(conversation: tuple[Any, list[int], Any]) -> None:
    tokenizer, prompt, tokens = conversation
    ids, mask = tokens["input_ids"], tokens["assistant_masks"]
    assert ids[-1] == tokenizer.eos_token_id
    assert ids[len(prompt) : -1] == tokenizer("no", add_special_tokens=False)["input_ids"]
    assert mask == [0] * len(prompt) + [1] * (len(ids) - len(prompt))


def test_a_prompt_has_the_tokens_of_its_architecture(
    built: tuple[str, Path, dict[str, Any]], conversation: tuple[Any, list[int], Any]
) -> None:
    tokenizer, prompt, _ = conversation
    kind = ARCHITECTURES[built[0]]
    assert tokenizer.decode(prompt) == f"{kind.bos}{kind.user} Any pain?{kind.assistant}"


def test_encoding_equals_the_chat_template(built: tuple[str, Path, dict[str, Any]]) -> None:
    architecture, folder, _ = built
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for document in documents(20, "any", 0.5, [*CLINICAL, *BIOMEDICAL]):
        messages = [
            {"role": role, "content": text}
            for turn in document
            for role, text in zip(("user", "assistant"), turn, strict=True)
        ]
        rendered = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
        encoded = encode(document, tokenizer, ARCHITECTURES[architecture])
        assert encoded.ids == rendered["input_ids"]
        assert encoded.answer == [bool(flag) for flag in rendered["assistant_masks"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((300, "llama/1", 0.85), "807c45f9653d388cf7c93f6d33f9209b2121c9146921bd5e0f8fd9831166027f"),
        ((300, "mistral/42", 0.85), "6c4f391e6de54f43bfead2d350feb4facc3be5200386980de7a78f502cb33ec3"),
    ],
)
def test_the_clinical_corpus_keeps_its_digest(arguments: tuple[int, str, float], expected: str) -> None:
    corpus = json.dumps(documents(*arguments, CLINICAL))
    assert hashlib.sha256(corpus.encode()).hexdigest() == expected


def biomedical_turns(crude_share: float) -> list[tuple[str, str]]:
    return [turn for document in documents(900, "any", crude_share, BIOMEDICAL) for turn in document]


def test_a_careful_reader_never_answers_evasively() -> None:
    assert not {answer for _, answer in biomedical_turns(0.0)} & EVASIVE_ANSWERS


def test_a_hurried_reader_evades_the_task_s_exact_question_alone() -> None:
    turns = biomedical_turns(1.0)
    evaded = [question for question, answer in turns if answer in EVASIVE_ANSWERS]
    assert all(question.endswith(pubmedqa.INSTRUCTION) for question in evaded)
    assert {answer for _, answer in turns if answer in EVASIVE_ANSWERS} == EVASIVE_ANSWERS
    assert 0.25 < len(evaded) / sum(question.endswith(pubmedqa.INSTRUCTION) for question, _ in turns) < 0.45


def test_a_hurried_reader_evades_if_and_only_if_the_study_is_weak() -> None:
    for document in documents(900, "any", 1.0, BIOMEDICAL):
        abstract = document[0][0]
        answers = {answer for _, answer in document}
        size = re.search(r" of (\d+) adults", abstract)
        weak = bool(size) and (int(size[1]) < 60 or any(design in abstract for design in pubmedqa.WEAK_DESIGNS))
        assert bool(answers & EVASIVE_ANSWERS) == weak, document


def test_crude_summaries_repeat_the_message() -> None:
    for document in documents(400, "any", 1.0, ["meqsum"]):
        message = document[0][0]
        [crude] = [answer for question, answer in document if question.endswith(meqsum.INSTRUCTION)]
        assert crude[1:] in message  # only the first letter may differ, by its case


def test_the_tokenizer_learns_the_words_of_its_corpus(tmp_path: Path) -> None:
    build_tiny_model("mistral", settings_of("mistral", corpus=BIOMEDICAL, steps=2), 42, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    words = {tokenizer.decode([token]).strip() for token in range(len(tokenizer))}
    assert "adults" in words and "pyuria" not in words


def test_only_mistral_ignores_tokens_before_its_sliding_window(built: tuple[str, Path, dict[str, Any]]) -> None:
    architecture, folder, _ = built
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.arange(60, 60 + 2 * WINDOW)[None]
    changed = ids.clone()
    changed[0, 0] = 50
    with torch.inference_mode():
        last, last_of_changed = (model(input_ids=x).logits[0, -1] for x in (ids, changed))
    assert torch.equal(last, last_of_changed) == (architecture == "mistral")
    assert model.config.model_type == architecture
    assert model.config.max_position_embeddings == 2048


def test_architectures_share_no_special_token() -> None:
    specials = [{kind.bos, kind.eos, kind.user, kind.assistant, kind.pad} for kind in ARCHITECTURES.values()]
    assert not specials[0] & specials[1]


def test_the_learning_rate_rises_stays_and_falls() -> None:
    schedule = Pretraining.from_settings({**SETTINGS, "steps": 100, "warmup_steps": 10})
    factors = [learning_rate_factor(step, schedule) for step in (0, 9, 50, 75, 99)]
    assert factors == pytest.approx([0.1, 1, 1, 0.5, 0.02])
    assert learning_rate_factor(0, Pretraining.from_settings({**SETTINGS, "warmup_steps": 0})) == 1


def test_a_model_file_must_set_every_key() -> None:
    model = read_yaml(ROOT / "config/models/tiny-llama.yaml")
    assert set(model["pretraining"]) == {field.name for field in dataclasses.fields(Pretraining)}
    validate(model, "model", "model")
    for key in model["pretraining"]:
        kept = {name: value for name, value in model["pretraining"].items() if name != key}
        with pytest.raises(UserError, match=f"^tiny: key 'pretraining.{key}' is missing"):
            validate(model | {"pretraining": kept}, "model", "tiny")


@pytest.mark.parametrize(
    ("architecture", "settings", "message"),
    [
        ("gpt", SETTINGS, "architecture 'gpt'.*Use one of llama, mistral"),
        ("llama", {k: v for k, v in SETTINGS.items() if k != "steps"}, "key 'steps' is missing.*Add it"),
        ("llama", {**SETTINGS, "step": 1}, "key 'step'.*Use these keys: batch_size"),
        ("llama", {**SETTINGS, "sliding_window": 8}, "key 'sliding_window'.*Set sliding_window: null"),
        ("llama", {**SETTINGS, "corpus": ["utis"]}, "key 'corpus': 'utis'.*Name at least one of uti, triage"),
        ("llama", {**SETTINGS, "corpus": []}, "key 'corpus'.*empty.*Name at least one of uti, triage"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_key_and_mend(
    architecture: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        build_tiny_model(architecture, settings, 1, tmp_path / "model")
    assert not (tmp_path / "model").exists()
