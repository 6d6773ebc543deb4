"""The flat layout against rows computed alone: positions, attention, log-probabilities; and the count of padding."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.utils.rnn import pad_sequence

from clinical_dpo.models.load import load_base
from clinical_dpo.training.flat.attention import flat_attention
from clinical_dpo.training.flat.collator import Collator
from clinical_dpo.training.flat.flex_attention import flat_flex_attention
from clinical_dpo.training.flat.layout import flat_layout, to_padded
from clinical_dpo.training.flat.model import answer_logps, use_flat_layout, without_adapter
from tests.conftest import MODEL

# Two pairs: answers that differ from their first token on, and a rejected answer that begins the chosen answer.
CHOSEN = [[7, 8, 21, 22], [9, 31, 32, 33]]
REJECTED = [[7, 8, 41], [9, 31]]
PROMPTS = [2, 1, 2, 1]


def padded(rows, prompts):
    """Right-padded ids, attention mask and completion mask."""
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    position = torch.arange(ids.shape[1])
    real = (position < torch.tensor([len(row) for row in rows])[:, None]).long()
    return ids, real, real * (position >= torch.tensor(prompts)[:, None])


def random_rows(groups, branches, seed):
    """Rows of random length whose branches begin with the same prompt, and some with equal answer tokens."""
    draw = torch.Generator().manual_seed(seed)
    prompts = [torch.randint(10, 300, (int(torch.randint(1, 12, (1,), generator=draw)),), generator=draw).tolist()]
    prompts += [prompts[0][:3] + [11] * (group + 1) for group in range(groups - 1)]
    rows = [
        prompt + torch.randint(10, 13, (int(torch.randint(1, 6, (1,), generator=draw)),), generator=draw).tolist()
        for _ in range(branches)
        for prompt in prompts
    ]
    return rows, [len(prompt) for prompt in prompts] * branches


def test_a_prompt_appears_once_followed_by_both_answers():
    layout = flat_layout(*padded(CHOSEN + REJECTED, PROMPTS), branches=2)
    assert layout["input_ids"].tolist() == [[7, 8, 21, 22, 41, 9, 31, 32, 33]]
    assert layout["position_ids"].tolist() == [[0, 1, 2, 3, 2, 0, 1, 2, 3]]
    assert layout["segments"] == ((0, 4, 0, 0), (4, 5, 0, 2), (5, 9, 5, 5))
    assert layout["prediction_index"].tolist() == [1, 2, 5, 6, 7, 1, 5]
    assert layout["shift_labels"].tolist() == [[21, 22, 31, 32, 33, 41, 31]]
    values = to_padded(torch.arange(1.0, 8.0), layout["prediction_mask"])
    assert values.tolist() == [[0, 1, 2], [3, 4, 5], [0, 6, 0], [7, 0, 0]]


def test_rows_of_sft_follow_each_other():
    layout = flat_layout(*padded(CHOSEN, PROMPTS[:2]), branches=1)
    assert layout["input_ids"].tolist() == [[7, 8, 21, 22, 9, 31, 32, 33]]
    assert layout["segments"] == ((0, 4, 0, 0), (4, 8, 4, 4))


@pytest.mark.parametrize("window", [None, 1, 4])
@pytest.mark.parametrize("branches", [1, 2, 3])
@pytest.mark.parametrize("attention", [flat_attention, flat_flex_attention])
def test_attention_equals_that_of_each_row_alone(attention, branches, window):
    for seed in range(5):
        rows, prompts = random_rows(3, branches, seed)
        layout = flat_layout(*padded(rows, prompts), branches)
        tokens = layout["input_ids"].shape[1]
        draw = torch.Generator().manual_seed(seed)
        query = torch.randn(1, 4, tokens, 6, generator=draw, dtype=torch.float64)
        key, value = torch.randn(2, 1, 2, tokens, 6, generator=draw, dtype=torch.float64)
        attended, _ = attention(
            torch.nn.Module(), query, key, value, None, 0.4, sliding_window=window, segments=layout["segments"]
        )
        assert attended.shape == (1, tokens, 4, 6)
        checked = 0
        for begin, end, shared_begin, shared_end in layout["segments"]:
            row = [*range(shared_begin, shared_end), *range(begin, end)]
            scores = 0.4 * torch.einsum("hid,hjd->hij", query[0][:, row], key[0].repeat_interleave(2, 0)[:, row])
            distance = torch.arange(len(row))[:, None] - torch.arange(len(row))
            hidden = (distance < 0) | (distance >= (window or len(row)))
            weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
            expected = torch.einsum("hij,hjd->ihd", weights, value[0].repeat_interleave(2, 0)[:, row])
            torch.testing.assert_close(attended[0, begin:end], expected[shared_end - shared_begin :])
            checked += end - begin
        assert checked == tokens < sum(map(len, rows)) + (branches == 1)


@pytest.mark.parametrize(("adapted", "attention"), [(False, "flat"), (True, "flat"), (True, "flex")])
def test_log_probabilities_equal_those_of_rows_computed_alone(tiny_base, adapted, attention):
    """Some prompts are longer than the Mistral's window; the rejected answer of the last pair is empty."""
    torch.manual_seed(3)
    plain, model = load_base(tiny_base, MODEL), load_base(tiny_base, MODEL)
    if adapted:
        lora = LoraConfig(r=4, target_modules=MODEL["lora_targets"], init_lora_weights=False, task_type="CAUSAL_LM")
        model = get_peft_model(model, lora).eval()
        plain = get_peft_model(plain, lora).eval()
        plain.load_state_dict(model.state_dict())
    prompts = [torch.randint(10, 300, (length,)).tolist() for length in (35, 1, 28)]
    rows = [[*prompt, 50, 51, 52] for prompt in prompts]
    rows += [[*prompts[0], 50, 53], prompts[1] + [54] * 30, prompts[2]]
    layout = flat_layout(*padded(rows, [35, 1, 28] * 2), branches=2)
    causal = without_adapter(model)
    use_flat_layout(causal, attention)
    computed = answer_logps(causal, layout)
    for row, prompt, logp in zip(rows, prompts * 2, computed.tolist(), strict=True):
        with torch.no_grad():
            logps = plain(torch.tensor([row])).logits[0].double().log_softmax(-1)
        expected = sum(float(logps[position - 1, row[position]]) for position in range(len(prompt), len(row)))
        assert logp == pytest.approx(expected, abs=1e-4)
    assert computed[5] == 0


def test_the_collator_counts_padding_of_padded_batches_only():
    ids, attention, completion = padded(CHOSEN + REJECTED, PROMPTS)
    batch = {"input_ids": ids, "attention_mask": attention, "completion_mask": completion}
    stock = Collator(lambda rows: dict(batch), None)
    assert "layout" not in stock([]) and stock.padding_share == 3 / 16
    flat = Collator(lambda rows: dict(batch), 2)
    assert flat([])["layout"]["input_ids"].shape == (1, 9) and flat.padding_share == 0
