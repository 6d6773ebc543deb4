"""Estimates of memory and time agree with published sizes and minutes, and scale with them."""

import pytest
import yaml

from clinical_dpo.cluster.time_and_memory import (
    START_MINUTES,
    compute_memory_mb,
    host_memory_mb,
    lora_parameters,
    parameter_count,
    requested_minutes,
    scaled_request,
)
from tests.conftest import MODEL, ROOT, TINY

LLAMA = {"parameters": 8_030_261_248, "dtype": "bfloat16", "gpu": 1}
MISTRAL = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "layers": 32,
    "heads": 32,
    "kv_heads": 8,
}
NF4 = {"type": "nf4", "double": True, "compute_dtype": "bfloat16"}
STAGE = {"adapter": "lora", "micro_batch_size": 2, "micro_batch_tokens": None, "max_length": 2048}
STAGE |= {"gradient_checkpointing": False, "lora": {"rank": 64, "alpha": 128, "dropout": 0.0}}
GB = 1000  # MB
LORA_MB = compute_memory_mb(LLAMA, STAGE, rank=64)


@pytest.fixture
def tiny_llama():
    """A model of the sizes of TINY."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 600, "hidden_size": 32, "intermediate_size": 64}
    counts = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}
    return LlamaForCausalLM(LlamaConfig(**sizes, **counts))


def test_the_number_of_weights_is_that_of_transformers(tiny_llama):
    assert parameter_count({"pretraining": TINY}) == tiny_llama.num_parameters()


@pytest.mark.parametrize("name", ["mistral-7b-instruct", "biomistral-7b"])
def test_a_model_file_has_the_number_of_weights_of_its_architecture(name):
    """Mistral 7B: 7,241,732,096 weights, including a head that does not share the embeddings."""
    head = MISTRAL["vocab_size"] * MISTRAL["hidden_size"]
    model = yaml.safe_load((ROOT / f"config/models/{name}.yaml").read_text())
    assert parameter_count({"pretraining": MISTRAL}) + head == parameter_count(model) == 7_241_732_096


def test_a_request_is_half_an_hour_and_twice_the_estimate():
    assert requested_minutes(0) == START_MINUTES == 30 and requested_minutes(45) == 120


def test_the_number_of_weights_of_an_adapter_is_that_of_peft(tiny_llama):
    from peft import LoraConfig, get_peft_model

    policy = get_peft_model(tiny_llama, LoraConfig(r=8, target_modules=MODEL["lora_targets"]))
    assert lora_parameters({"pretraining": TINY}, 8) == policy.get_nb_trainable_parameters()[0]


def test_the_share_of_an_adapter_is_that_of_8b_weights():
    """Rank 64 on all linear layers has 168 million weights in Llama 3 8B and in Mistral 7B."""
    layers = {"pretraining": MISTRAL}
    assert lora_parameters(layers, 64) == 167_772_160
    assert lora_parameters(LLAMA, 64) == pytest.approx(167_772_160, rel=0.01)
    assert lora_parameters({"parameters": 7_241_732_096}, 128) == pytest.approx(2 * 167_772_160, rel=0.1)


def test_memory_of_an_8b_model_fits_its_use():
    assert 16 * GB < compute_memory_mb(LLAMA) < 24 * GB
    assert 32 * GB < LORA_MB < 80 * GB
    assert compute_memory_mb(LLAMA, STAGE | {"adapter": "full"}) > 128 * GB
    more_ranks = compute_memory_mb(LLAMA, STAGE, rank=128) - LORA_MB
    assert more_ranks > 167_772_160 * 16 / 1e6  # weight, gradient and AdamW's moments of 64 more ranks


def test_four_bit_weights_need_less_memory():
    four_bit = compute_memory_mb(LLAMA | {"quantization": NF4}, STAGE, rank=64)
    assert four_bit == pytest.approx(LORA_MB - 8030.26 * (2 - 4.127 / 8))


def test_memory_grows_with_branches_and_micro_batch():
    assert compute_memory_mb(LLAMA, STAGE, branches=2, rank=64) > LORA_MB
    assert compute_memory_mb(LLAMA, STAGE | {"micro_batch_size": 1}, rank=64) < LORA_MB


def test_a_micro_batch_of_tokens_needs_the_memory_of_its_tokens_or_of_the_longest_row():
    by_tokens = STAGE | {"micro_batch_size": 8, "micro_batch_tokens": 2 * 2048}
    assert compute_memory_mb(LLAMA, by_tokens, rank=64) == LORA_MB
    one_row = compute_memory_mb(LLAMA, STAGE | {"micro_batch_size": 1}, rank=64)
    assert compute_memory_mb(LLAMA, STAGE | {"micro_batch_tokens": 100}, rank=64) == one_row


def test_gradient_checkpointing_needs_less_memory():
    assert compute_memory_mb(LLAMA, STAGE | {"gradient_checkpointing": True}, rank=64) < LORA_MB


def test_a_node_needs_memory_for_the_file_of_the_weights():
    assert 32 * GB < host_memory_mb(LLAMA, STAGE) < 64 * GB
    assert host_memory_mb(LLAMA, STAGE | {"adapter": "full"}) > 64 * GB


def test_a_node_without_a_gpu_needs_the_memory_of_the_computation_too():
    on_cpu = host_memory_mb(LLAMA | {"gpu": 0}, STAGE)
    assert on_cpu == pytest.approx(host_memory_mb(LLAMA, STAGE) + compute_memory_mb(LLAMA, STAGE), abs=1)
    assert host_memory_mb({"pretraining": TINY, "dtype": "float32", "gpu": 0}, STAGE) < 10 * GB


def test_a_request_doubles_with_each_attempt_up_to_the_maximum():
    assert [scaled_request(100.4, attempt, 300) for attempt in (1, 2, 3)] == [100, 201, 300]
