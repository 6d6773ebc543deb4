"""Labels by likelihood and generated answers of several architectures against plain forward passes of each row."""

import pytest
import torch

from clinical_dpo.inference.generate import generate_answers
from clinical_dpo.inference.label_likelihood import LabelScoring, score_labels
from clinical_dpo.models.load import load_base
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.training.flat.architectures import FLAT_ARCHITECTURES, computed_layout
from tests.helpers.architectures import CONFIGS, WINDOW, model_file, save_base
from tests.helpers.training_cases import rows

SCORING = LabelScoring(("UTI", "No UTI", "UTI because of fever"), {"No UTI": ["no"]})
LENGTH = 6


@pytest.fixture(scope="module", params=CONFIGS)
def base(request, tmp_path_factory):
    return save_base(request.param, tmp_path_factory.mktemp("base") / request.param)


def prompt_ids(tokenizer, row):
    return tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]


@torch.no_grad()
def test_labels_have_the_likelihoods_of_plain_forward_passes(base):
    """Prompts are longer than the attention window."""
    tokenizer, plain = load_tokenizer(base), load_base(base, model_file(base.name)).eval()
    model = load_base(base, model_file(base.name)).eval()
    assert (computed_layout(model, "flat")[0] == "flat") == (base.name in FLAT_ARCHITECTURES)
    for row, answer in zip(rows(4), score_labels(model, tokenizer, rows(4), SCORING, 4), strict=True):
        prompt = prompt_ids(tokenizer, row)
        assert len(prompt) > WINDOW
        for spelling, logp in answer["logps"].items():
            turn = [{"role": "assistant", "content": spelling}]
            whole = tokenizer.apply_chat_template(row["prompt"] + turn, return_dict=True)["input_ids"]
            each = plain(torch.tensor([whole])).logits[0].double().log_softmax(-1)
            expected = sum(float(each[index - 1, whole[index]]) for index in range(len(prompt), len(whole)))
            assert logp == pytest.approx(expected, abs=1e-4)


@torch.no_grad()
def test_generated_answers_are_greedy(base):
    """A batch is padded. The expected tokens come from a forward pass of each unpadded row for each token."""
    tokenizer, model = load_tokenizer(base), load_base(base, model_file(base.name)).eval()
    answers = generate_answers(model, tokenizer, rows(4), LENGTH, 4)
    for row, answer in zip(rows(4), answers, strict=True):
        prompt, greedy = prompt_ids(tokenizer, row), []
        while len(greedy) < LENGTH and tokenizer.eos_token_id not in greedy:
            greedy.append(int(model(torch.tensor([prompt + greedy])).logits[0, -1].argmax()))
        assert answer["text"] == tokenizer.decode(greedy, skip_special_tokens=True).strip()
