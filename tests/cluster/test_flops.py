"""Operations of a step equal those that PyTorch counts, and its memory traffic equals sums by hand."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from clinical_dpo.cluster.cards import CARDS
from clinical_dpo.cluster.flops import (
    Part,
    answer_tokens,
    attention_flops,
    branch_tokens,
    compute_type,
    forward_flops,
    key_value_bytes,
    pass_traffic,
    training_flops,
)
from clinical_dpo.cluster.job_work import generation_parts
from clinical_dpo.config.model_sizes import Sizes, model_sizes

SIZES = {"vocab_size": 600, "hidden_size": 32, "intermediate_size": 64, "layers": 3, "heads": 4, "kv_heads": 2}
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PROMPT, CHOSEN, REJECTED, RANK = 11, 5, 7, 4
NF4 = {"type": "nf4", "double": True, "compute_dtype": "bfloat16"}
LLAMA = {
    "dtype": "bfloat16",
    "parameters": 8_030_261_248,
    "sizes": {"vocab_size": 128_256, "hidden_size": 4096, "intermediate_size": 14_336, "layers": 32}
    | {"heads": 32, "kv_heads": 8},
}


def model(lora, checkpointed=False):
    """A model of SIZES in the flat layout, with a LoRA or with all weights trained."""
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    from clinical_dpo.training.flat.model import use_flat_layout

    counts = {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
    widths = {key: SIZES[key] for key in ("vocab_size", "hidden_size", "intermediate_size")}
    made = LlamaForCausalLM(LlamaConfig(**widths, **counts, tie_word_embeddings=False))
    if lora:
        get_peft_model(made, LoraConfig(r=RANK, target_modules=TARGETS))
    if checkpointed:
        made.gradient_checkpointing_enable({"use_reentrant": False})
    use_flat_layout(made)
    return made.train()


def in_place_product(target, left, right, **shape):
    """Operations of an in-place product, from shapes; PyTorch's own table lacks it."""
    return 2 * left[0] * left[1] * right[1]


def counted(made, answers, backward=True):
    """Operations that PyTorch counts: (matrix products, attention).

    PyTorch counts no fused attention on a CPU, so attention is computed as batched matrix products.
    """
    from clinical_dpo.training.flat.layout import flat_layout, hidden_inputs

    width = PROMPT + max(answers)
    ids = torch.arange(len(answers) * width).reshape(len(answers), width) % 500 + 50
    ids[:, :PROMPT] = torch.arange(PROMPT)
    position = torch.arange(width)
    real = position < torch.tensor([PROMPT + answer for answer in answers])[:, None]
    layout = flat_layout(ids, real, real & (position >= PROMPT), branches=len(answers))
    counting = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: in_place_product})
    with sdpa_kernel(SDPBackend.MATH), counting as counter:
        hidden = made.base_model(**hidden_inputs(layout), use_cache=False).last_hidden_state
        loss = made.get_output_embeddings()(hidden).float().logsumexp(-1).sum()
        if backward:
            loss.backward()
    operations = {str(name): count for name, count in counter.get_flop_counts()["Global"].items()}
    attention = sum(count for name, count in operations.items() if "bmm" in name)
    return sum(operations.values()) - attention, attention


def products(sizes, tokens, lora, kind):
    """Our operations without attention."""
    ours = forward_flops(sizes, tokens, lora or 0) if kind == "forward" else training_flops(sizes, tokens, lora, False)
    return ours - attention_flops(sizes, tokens.pairs) * (1 if kind == "forward" else 3)


@pytest.fixture
def sizes():
    return Sizes(**SIZES)


@pytest.fixture
def lora(sizes):
    return sizes.lora_weights(RANK, TARGETS)


def first_inputs(sizes, total):
    """Gradients of the first layer's inputs, which PyTorch leaves out because nothing before them is trained."""
    layers = [sizes.linear_layers[name] for name in ("q_proj", "k_proj", "v_proj")]
    return 2 * total * sum(inputs * outputs + RANK * inputs for inputs, outputs in layers)


def test_a_step_of_sft_has_the_products_that_pytorch_counts(sizes, lora):
    tokens = answer_tokens(PROMPT, CHOSEN)
    step, _ = counted(model(lora=True), [CHOSEN])
    assert step == products(sizes, tokens, lora, "step") - first_inputs(sizes, tokens.total)


def test_a_step_of_dpo_computes_the_prompt_once(sizes, lora):
    tokens = branch_tokens(PROMPT, CHOSEN, REJECTED)
    step, _ = counted(model(lora=True), [CHOSEN, REJECTED])
    assert step == products(sizes, tokens, lora, "step") - first_inputs(sizes, tokens.total)
    assert branch_tokens(PROMPT, CHOSEN, REJECTED, shared=False).total == tokens.total + PROMPT


def test_a_step_of_all_weights_has_the_products_that_pytorch_counts(sizes):
    step, _ = counted(model(lora=False), [CHOSEN])
    assert step == products(sizes, answer_tokens(PROMPT, CHOSEN), None, "step")


def test_an_evaluation_has_the_products_that_pytorch_counts(sizes, lora):
    made = model(lora=True)
    with torch.no_grad():
        evaluation, _ = counted(made, [CHOSEN, REJECTED], backward=False)
    assert evaluation == products(sizes, branch_tokens(PROMPT, CHOSEN, REJECTED), lora, "forward")


def test_attention_counts_the_pairs_of_the_causal_triangle(sizes):
    """PyTorch counts the whole square of queries and keys."""
    _, attention = counted(model(lora=True), [CHOSEN], backward=False)
    whole = attention_flops(sizes, (PROMPT + CHOSEN) ** 2)
    assert attention == whole
    assert attention_flops(sizes, answer_tokens(PROMPT, CHOSEN).pairs) == pytest.approx(whole / 2, rel=0.1)


def test_checkpointing_computes_the_blocks_again(sizes, lora):
    tokens = answer_tokens(PROMPT, CHOSEN)
    step, _ = counted(model(lora=True, checkpointed=True), [CHOSEN])
    plain, _ = counted(model(lora=True), [CHOSEN])
    again = training_flops(sizes, tokens, lora, True) - training_flops(sizes, tokens, lora, False)
    again -= attention_flops(sizes, tokens.pairs)
    assert again == 2 * (sizes.linear_weights + lora) * tokens.total
    # PyTorch stops a layer's second pass at the last tensor that it needs, before the last product.
    last = sizes.linear_layers["down_proj"]
    skipped = 2 * tokens.total * sizes.layers * (last[0] * last[1] + RANK * sum(last))
    assert step - plain == pytest.approx(again, abs=skipped)


def test_a_forward_pass_of_llama_takes_two_operations_per_weight_and_token():
    """6.98 billion weights in the blocks, 0.525 billion in the head."""
    sizes = model_sizes(LLAMA)
    assert sizes.linear_weights == 6_979_321_856 and sizes.head_weights == 525_336_576
    tokens = answer_tokens(200, 10)
    expected = 2 * 6_979_321_856 * 210 + 2 * 525_336_576 * 10 + 4 * 32 * 4096 * 210 * 211 / 2
    assert forward_flops(sizes, tokens, 0) == pytest.approx(expected)


def test_four_bit_weights_are_unpacked_before_they_are_read():
    read, moved = pass_traffic(LLAMA)
    assert (read, moved) == (2 * (6_979_321_856 + 525_336_576), 0)
    read, moved = pass_traffic(LLAMA | {"quantization": NF4})
    assert read == 2 * (6_979_321_856 + 525_336_576) and moved == pytest.approx(6_979_321_856 * (4.127 / 8 + 2))
    assert pass_traffic(LLAMA, full=True)[0] == 2 * pass_traffic(LLAMA)[0]
    assert compute_type(LLAMA | {"dtype": "float16", "quantization": NF4}) == "bfloat16"


def test_a_part_takes_the_slower_of_computation_and_reading():
    card = CARDS["a100"]
    assert Part("", 312e12, 2039e9 / 2).peak_seconds(card, "bfloat16") == pytest.approx(1)
    assert Part("", 312e12 / 2, 2039e9, 2039e9).peak_seconds(card, "float16") == pytest.approx(2)
    assert Part("", 19.5e12, 0).peak_seconds(card, "float32") == pytest.approx(1)


def test_generation_is_bound_by_the_bandwidth():
    """Each token of a batch reads all weights once, and the keys and values: 128 KB for each token of Llama-3-8B."""
    assert key_value_bytes(LLAMA) == 2 * 32 * 1024 * 2
    _, decoding = generation_parts(LLAMA, prompt=200, new=50, batch=4, lora=0)
    read = 2 * (6_979_321_856 + 525_336_576) + 4 * 225 * 131_072
    assert decoding.read_bytes == pytest.approx(50 * read)
    assert decoding.peak_seconds(CARDS["a100"], "bfloat16") == pytest.approx(50 * read / 2039e9)
