"""Labels by likelihood against plain forward passes of transformers, one unpadded spelling at a time."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from clinical_dpo.checksums import write_checksums
from clinical_dpo.errors import UserError
from clinical_dpo.inference.answers_file import write_answers
from clinical_dpo.inference.label_likelihood import (
    LabelScoring,
    continuation_tokens,
    label_probabilities,
    score_labels,
)
from clinical_dpo.io import read_json, read_jsonl, write_jsonl
from clinical_dpo.models.load import load_base, load_variant
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.training.flat.model import picked_logps
from tests.conftest import MODEL
from tests.helpers.chat_tokenizers import KINDS, chat_tokenizer
from tests.helpers.training_cases import random_adapter, rows

LABELS = ("UTI", "No UTI", "UTI because of fever")  # the first begins the last
SYNONYMS = {"UTI": ["urinary tract infection", "yes"], "No UTI": ["no"]}
SCORING = LabelScoring(LABELS, SYNONYMS)


def plain_logps(model, tokenizer, row, spellings, end_token=True):
    """Spelling -> log p(spelling [and end] | prompt), from the chat template's text and one forward pass each."""
    prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False)
    logps = {}
    for spelling in spellings:
        answer = [{"role": "assistant", "content": spelling}]
        text = tokenizer.apply_chat_template(row["prompt"] + answer, tokenize=False)
        end = text.index(tokenizer.eos_token, len(prompt)) + len(tokenizer.eos_token)
        stop = end if end_token else text.rindex(spelling) + len(spelling)
        ids = tokenizer(text[:stop], add_special_tokens=False, return_tensors="pt")["input_ids"]
        start = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        with torch.no_grad():
            each = model(ids).logits[0].double().log_softmax(-1)
        logps[spelling] = sum(float(each[index - 1, ids[0, index]]) for index in range(start, ids.shape[1]))
    return logps


@pytest.fixture(scope="module")
def adapter(tiny_base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapter")
    random_adapter(tiny_base, folder, 4, 16, 0.1)
    return folder


@pytest.mark.parametrize("end_token", [True, False])
@pytest.mark.parametrize("trained", [False, True])
def test_scores_equal_a_plain_forward_pass_for_base_and_trained_models(tiny_base, adapter, trained, end_token):
    """The Mistral's attention window is shorter than the prompts."""
    folder = adapter if trained else None
    tokenizer, scoring = load_tokenizer(tiny_base), LabelScoring(LABELS, SYNONYMS, end_token=end_token)
    plain = load_variant(tiny_base, folder, MODEL)
    expected = [plain_logps(plain, tokenizer, row, scoring.spellings, end_token) for row in rows(7)]
    for batch_size in (1, 4):
        model = load_variant(tiny_base, folder, MODEL)
        answers = score_labels(model, tokenizer, rows(7), scoring, batch_size)
        assert [answer["id"] for answer in answers] == [row["id"] for row in rows(7)]
        for answer, logps in zip(answers, expected, strict=True):
            assert answer["logps"] == pytest.approx(logps, abs=1e-4)


def test_every_prompt_is_computed_once(tiny_base):
    """Tokens of the prompt, and of each spelling what it does not share with the first."""
    model, tokenizer = load_base(tiny_base, MODEL).eval(), load_tokenizer(tiny_base)
    seen = []
    model.get_input_embeddings().register_forward_pre_hook(lambda module, args: seen.append(args[0].numel()))
    score_labels(model, tokenizer, rows(6), SCORING, 6)
    (prompts, answers) = (0, 0)
    for row in rows(6):
        parts = [
            continuation_tokens(row, spelling, tokenizer, {tokenizer.eos_token_id}, True)
            for spelling in SCORING.spellings
        ]
        prompts, answers = prompts + len(parts[0][0]), answers + sum(len(answer) for _, answer in parts)
    assert len(seen) == 1 and prompts < seen[0] <= prompts + answers


def test_with_end_tokens_spellings_exclude_each_other(tiny_base):
    """Their probabilities add up to at most 1; without, a beginning is at least as probable as what it begins."""
    model, tokenizer = load_base(tiny_base, MODEL).eval(), load_tokenizer(tiny_base)
    for answer in score_labels(model, tokenizer, rows(5), SCORING, 5):
        assert sum(map(math.exp, answer["logps"].values())) <= 1
    open_ended = score_labels(
        load_base(tiny_base, MODEL).eval(), tokenizer, rows(5), LabelScoring(LABELS, end_token=False), 5
    )
    for answer in open_ended:
        assert answer["logps"]["UTI"] >= answer["logps"]["UTI because of fever"]


def test_a_model_that_diverged_gives_no_label(tiny_base):
    model = load_base(tiny_base, MODEL).eval()
    model.lm_head.weight.data.fill_(math.nan)
    answers = score_labels(model, load_tokenizer(tiny_base), rows(3), SCORING, 2)
    assert answers == [{"id": row["id"], "text": ""} for row in rows(3)]


def test_probabilities_are_those_of_labels_with_their_spellings_added():
    logps = {"UTI": 0.1, "urinary tract infection": 0.02, "yes": 0.03, "No UTI": 0.2, "no": 0.05}
    logps = dict(zip(SCORING.spellings, map(math.log, [*logps.values(), 0.1]), strict=True))
    results = label_probabilities(list(logps.values()), [1] * 6, SCORING)
    assert results == pytest.approx({"UTI": 0.15 / 0.5, "No UTI": 0.25 / 0.5, "UTI because of fever": 0.1 / 0.5})
    assert list(results) == list(LABELS) and sum(results.values()) == pytest.approx(1)


def test_per_token_scores_are_averaged_over_a_label_s_spellings():
    """A label gains nothing by the length of a spelling, nor by the number of its spellings."""
    scoring = LabelScoring(("a", "b"), {"a": ["aa", "aaa"]}, per_token=True)
    results = label_probabilities([-2.0, -4.0, -6.0, -2.0], [1, 2, 3, 1], scoring)
    assert results == pytest.approx({"a": 0.5, "b": 0.5})
    results = label_probabilities([-1.0, -4.0, -9.0, -1.5], [1, 2, 3, 2], scoring)
    scores = [math.log(np.mean(np.exp([-1.0, -2.0, -3.0]))), -0.75]
    assert list(results.values()) == pytest.approx(np.exp(log_softmax(scores)))


def test_very_small_probabilities_keep_their_ratio():
    results = label_probabilities([-1000.0, -1001.0], [1, 1], LabelScoring(("a", "b")))
    assert results["a"] / results["b"] == pytest.approx(math.e)


def test_equal_labels_give_the_first():
    logits = torch.zeros(1, 3, 5)
    assert picked_logps(logits, torch.tensor([[1, 2, 3]])).tolist() == [pytest.approx([-math.log(5)] * 3)]
    results = label_probabilities([-1.0, -1.0], [1, 1], LabelScoring(("later", "alphabet")))
    assert max(results, key=lambda label: results[label]) == "later"


def test_a_spelling_of_two_labels_is_refused():
    with pytest.raises(UserError, match="'no' is a spelling of 'No UTI' and of 'maybe'"):
        _ = LabelScoring(("No UTI", "maybe"), {"No UTI": ["no"], "maybe": ["no"]}).spellings


@pytest.mark.parametrize("kind", KINDS)
def test_continuations_end_with_the_turn_s_end_or_with_the_spelling(kind):
    tokenizer = chat_tokenizer(kind)
    ends = {tokenizer.eos_token_id}
    row = rows(1)[0]
    prompt, answer = continuation_tokens(row, "No UTI", tokenizer, ends, True)
    assert answer[-1] == tokenizer.eos_token_id and answer.count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(answer[:-1]).strip() == "No UTI"
    same, bare = continuation_tokens(row, "No UTI", tokenizer, ends, False)
    assert (same, bare) == (prompt, answer[:-1])
    assert (
        prompt
        == tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
    )


def test_a_template_that_ends_no_turn_gets_the_tokenizer_s_end():
    template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
    tokenizer = chat_tokenizer("llama3", template=template)
    _, answer = continuation_tokens(rows(1)[0], "UTI", tokenizer, {tokenizer.eos_token_id}, True)
    assert answer[-1] == tokenizer.eos_token_id


def test_written_scores_are_those_of_the_model_asked_with_a_record(tiny_base, adapter, tmp_path):
    write_jsonl(tmp_path / "rows.jsonl", rows(4))
    written = {}
    for name, folder in {"base": None, "sft": str(adapter)}.items():
        write_checksums(Path(folder or tiny_base))
        out, record = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.json"
        asked = {str(out): str(tmp_path / "rows.jsonl")}
        settings = {"answer_by": "likelihood", "labels": LABELS, "label_synonyms": SYNONYMS}
        write_answers(tiny_base, folder, MODEL, asked, settings, 2, record)
        written[name] = read_jsonl(out)
        fresh = score_labels(load_variant(tiny_base, folder, MODEL), load_tokenizer(tiny_base), rows(4), SCORING, 2)
        assert written[name] == fresh
        assert read_json(record)["labels"] == list(LABELS)
    assert written["base"] != written["sft"]
