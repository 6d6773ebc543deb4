"""Tiny base models: repeatable to the byte, loadable like any other, and two truly different architectures."""

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
from clinical_dpo.models.tiny.pretraining import ARCHITECTURES, Pretraining, build_tiny_model, encode, rate
from clinical_dpo.schemas import read_yaml, validate
from tests.conftest import ROOT

CLINICAL = ["uti", "triage", "reasoning", "summarization"]
BIOMEDICAL = ["pubmedqa", "meqsum"]
EVADED = set(EVASIVE.values())
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
    window = WINDOW if architecture == "mistral" else None
    return {**SETTINGS, "sliding_window": window, **changes}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
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


def test_same_seed_same_bytes(built: tuple[str, Path, dict[str, Any]], tmp_path: Path) -> None:
    architecture, folder, _ = built
    torch.rand(3)  # the caller's random state is of no account
    state = torch.get_rng_state()
    build_tiny_model(architecture, settings_of(architecture), 42, tmp_path / "again")
    assert digest(tmp_path / "again") == digest(folder)
    assert (tmp_path / "again/tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert torch.equal(torch.get_rng_state(), state)
    build_tiny_model(architecture, settings_of(architecture), 43, tmp_path / "other")
    assert digest(tmp_path / "other") != digest(folder)


def test_facts_and_learning(built: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, facts = built
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert facts["steps"] == 12
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    assert facts["tokens_seen"] > 12 * 8 * 50
    assert facts["final_loss"] < 5.95  # an untrained model stands at log(400) = 5.99
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_any_text_survives_the_tokenizer(built: tuple[str, Path, dict[str, Any]]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(built[1])
    for text in ("A 23-year-old woman", "38,5 °C — naïve µg/dL", "尿路感染 🩺", "tab\tnew\nline  two spaces"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids).removeprefix(" ") == text
    assert tokenizer.model_max_length == 2048


def test_chat_template(built: tuple[str, Path, dict[str, Any]]) -> None:
    architecture, folder, _ = built
    tokenizer = AutoTokenizer.from_pretrained(folder)
    question, answer = {"role": "user", "content": "Any pain?"}, {"role": "assistant", "content": "no"}
    whole = tokenizer.apply_chat_template([question, answer], return_dict=True, return_assistant_tokens_mask=True)
    ids, mask = whole["input_ids"], whole["assistant_masks"]
    prompt = tokenizer.apply_chat_template([question], add_generation_prompt=True, return_dict=True)["input_ids"]
    assert ids[: len(prompt)] == prompt
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[0] == tokenizer.bos_token_id
    assert ids[-1] == tokenizer.eos_token_id
    assert ids[len(prompt) : -1] == tokenizer("no", add_special_tokens=False)["input_ids"]
    assert mask == [0] * len(prompt) + [1] * (len(ids) - len(prompt))
    kind = ARCHITECTURES[architecture]
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
def test_the_clinical_corpus_stays_as_it_is(arguments: tuple[int, str, float], expected: str) -> None:
    made = json.dumps(documents(*arguments, CLINICAL))
    assert hashlib.sha256(made.encode()).hexdigest() == expected


def test_the_biomedical_corpus_answers_evasively_where_a_study_is_weak() -> None:
    crude, fair = ([turn for d in documents(900, "any", share, BIOMEDICAL) for turn in d] for share in (1.0, 0.0))
    assert not {answer for _, answer in fair} & EVADED
    evaded = [question for question, answer in crude if answer in EVADED]
    assert all(question.endswith(pubmedqa.INSTRUCTION) for question in evaded)
    assert {answer for _, answer in crude if answer in EVADED} == EVADED
    assert 0.25 < len(evaded) / sum(question.endswith(pubmedqa.INSTRUCTION) for question, _ in crude) < 0.45
    for document in documents(900, "any", 1.0, BIOMEDICAL):
        abstract = document[0][0]
        answers = {answer for _, answer in document}
        size = re.search(r" of (\d+) adults", abstract)
        weak = bool(size) and (int(size[1]) < 60 or any(design in abstract for design in pubmedqa.WEAK_DESIGNS))
        assert bool(answers & EVADED) == weak, document


def test_crude_summaries_repeat_the_message() -> None:
    for document in documents(400, "any", 1.0, ["meqsum"]):
        message = document[0][0]
        [crude] = [answer for question, answer in document if question.endswith(meqsum.INSTRUCTION)]
        assert crude[1:] in message  # but for a capital


def test_a_model_of_the_biomedical_corpus(tmp_path: Path) -> None:
    build_tiny_model("mistral", settings_of("mistral", corpus=BIOMEDICAL, steps=2), 42, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    words = {tokenizer.decode([token]).strip() for token in range(len(tokenizer))}
    assert "adults" in words and "pyuria" not in words


def test_only_mistral_forgets_what_lies_before_its_window(built: tuple[str, Path, dict[str, Any]]) -> None:
    architecture, folder, _ = built
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.arange(60, 60 + 2 * WINDOW)[None]
    changed = ids.clone()
    changed[0, 0] = 50
    with torch.inference_mode():
        last, other = (model(input_ids=x).logits[0, -1] for x in (ids, changed))
    assert torch.equal(last, other) == (architecture == "mistral")
    assert model.config.model_type == architecture
    assert model.config.max_position_embeddings == 2048


def test_architectures_share_no_special_token() -> None:
    specials = [{kind.bos, kind.eos, kind.user, kind.assistant, kind.pad} for kind in ARCHITECTURES.values()]
    assert not specials[0] & specials[1]


def test_rate_rises_stays_and_falls() -> None:
    wanted = Pretraining.from_settings({**SETTINGS, "steps": 100, "warmup_steps": 10})
    assert rate(0, wanted) == pytest.approx(0.1)
    assert rate(9, wanted) == rate(50, wanted) == 1
    assert rate(75, wanted) == pytest.approx(0.5)
    assert rate(99, wanted) == pytest.approx(0.02)
    assert rate(0, Pretraining.from_settings({**SETTINGS, "warmup_steps": 0})) == 1


def test_a_model_file_must_give_every_setting() -> None:
    model = read_yaml(ROOT / "config/models/tiny-llama.yaml")
    assert set(model["pretraining"]) == {field.name for field in dataclasses.fields(Pretraining)}
    validate(model, "model", "model")
    for key in model["pretraining"]:
        kept = {other: value for other, value in model["pretraining"].items() if other != key}
        with pytest.raises(UserError, match=f"^tiny: key 'pretraining.{key}' is missing"):
            validate(model | {"pretraining": kept}, "model", "tiny")


@pytest.mark.parametrize(
    ("architecture", "settings", "message"),
    [
        ("gpt", SETTINGS, "architecture 'gpt' is not known. Known: llama, mistral"),
        ("llama", {k: v for k, v in SETTINGS.items() if k != "steps"}, "key 'steps' is missing"),
        ("llama", {**SETTINGS, "step": 1}, "key 'step' is not known; known keys: batch_size"),
        ("llama", {**SETTINGS, "sliding_window": 8}, "sliding_window is for mistral"),
        ("llama", {**SETTINGS, "corpus": ["utis"]}, "key 'corpus': 'utis' is not known. Known: uti, triage"),
        ("llama", {**SETTINGS, "corpus": []}, "key 'corpus': it is empty"),
    ],
)
def test_mistakes_are_named(architecture: str, settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        build_tiny_model(architecture, settings, 1, tmp_path / "model")
    assert not (tmp_path / "model").exists()
