"""Estimates of memory and time: published sizes and minutes, and how they grow."""

import pytest
import yaml

from clinical_dpo.cluster.time_and_memory import (
    START_MINUTES,
    asked_minutes,
    compute_memory_mb,
    generation_minutes,
    host_memory_mb,
    lora_parameters,
    parameter_count,
    scaled_request,
    scoring_minutes,
    training_minutes,
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
STAGE = {"adapter": "lora", "micro_batch_size": 2, "max_length": 2048, "gradient_checkpointing": False}
GB = 1000  # MB


def test_weights_are_counted_as_the_library_counts_them():
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 600, "hidden_size": 32, "intermediate_size": 64}
    counts = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}
    assert parameter_count({"pretraining": TINY}) == LlamaForCausalLM(LlamaConfig(**sizes, **counts)).num_parameters()


@pytest.mark.parametrize("name", ["mistral-7b-instruct", "biomistral-7b"])
def test_a_model_file_gives_the_size_its_architecture_has(name):
    """Mistral 7B: 7,241,732,096 weights, a head of its own included."""
    head = MISTRAL["vocab_size"] * MISTRAL["hidden_size"]
    model = yaml.safe_load((ROOT / f"config/models/{name}.yaml").read_text())
    assert parameter_count({"pretraining": MISTRAL}) + head == parameter_count(model) == 7_241_732_096


@pytest.mark.parametrize(
    ("answer_type", "stage", "published"),
    [("label", "sft", 20), ("label", "dpo", 50), ("text", "sft", 50), ("text", "dpo", 160), ("answer", "dpo", 160)],
)
def test_the_published_run_fits_its_limit_and_is_not_asked_for_thrice(answer_type, stage, published):
    expected = training_minutes(LLAMA, answer_type, stage, 4, 1000)
    assert expected == pytest.approx(published, rel=0.01)
    assert 1.5 * published <= asked_minutes(expected) <= 3 * published + START_MINUTES
    assert training_minutes(LLAMA, answer_type, stage, 4, 2000) == pytest.approx(2 * expected)
    assert training_minutes(LLAMA, answer_type, stage, 8, 500) == pytest.approx(expected)


def test_scores_and_answers_take_less_than_training():
    assert 0 < scoring_minutes(LLAMA, "text", 500) < training_minutes(LLAMA, "text", "dpo", 4, 125)
    assert 1 < generation_minutes(LLAMA, 200, 256, 32) < 5
    tiny = {"pretraining": TINY, "dtype": "float32", "gpu": 0}
    assert asked_minutes(generation_minutes(tiny, 200, 256, 32)) == pytest.approx(START_MINUTES, rel=1e-3)


def test_an_adapter_is_counted_as_the_library_counts_it():
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 600, "hidden_size": 32, "intermediate_size": 64}
    counts = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}
    model = LlamaForCausalLM(LlamaConfig(**sizes, **counts))
    policy = get_peft_model(model, LoraConfig(r=8, target_modules=MODEL["lora_targets"]))
    assert lora_parameters({"pretraining": TINY}, 8) == policy.get_nb_trainable_parameters()[0]


def test_the_share_of_an_adapter_is_that_of_an_8b_model():
    """Rank 64 on all linear layers of Llama 3 8B, counted: 168 million; of Mistral 7B the same, of fewer weights."""
    layers = {"pretraining": MISTRAL}
    assert lora_parameters(layers, 64) == 167_772_160
    assert lora_parameters(LLAMA, 64) == pytest.approx(167_772_160, rel=0.01)
    assert lora_parameters({"parameters": 7_241_732_096}, 128) == pytest.approx(2 * 167_772_160, rel=0.1)


def test_memory_follows_the_kind_of_weights():
    lora = compute_memory_mb(LLAMA, STAGE)
    assert 16 * GB < compute_memory_mb(LLAMA) < 24 * GB
    assert 32 * GB < lora < 80 * GB
    assert compute_memory_mb(LLAMA | {"quantization": NF4}, STAGE) == pytest.approx(lora - 8030.26 * (2 - 4.127 / 8))
    assert compute_memory_mb(LLAMA, STAGE | {"adapter": "full"}) > 128 * GB
    assert (
        compute_memory_mb(LLAMA, STAGE, branches=2) > lora > compute_memory_mb(LLAMA, STAGE | {"micro_batch_size": 1})
    )
    assert compute_memory_mb(LLAMA, STAGE | {"gradient_checkpointing": True}) < lora


def test_a_node_holds_the_weights_file_and_without_a_gpu_all_else():
    assert 32 * GB < host_memory_mb(LLAMA, STAGE) < 64 * GB
    assert host_memory_mb(LLAMA, STAGE | {"adapter": "full"}) > 64 * GB
    on_cpu = host_memory_mb(LLAMA | {"gpu": 0}, STAGE)
    assert on_cpu == pytest.approx(host_memory_mb(LLAMA, STAGE) + compute_memory_mb(LLAMA, STAGE), abs=1)
    assert host_memory_mb({"pretraining": TINY, "dtype": "float32", "gpu": 0}, STAGE) < 10 * GB


def test_a_failed_job_is_asked_for_with_more_up_to_the_maximum():
    assert [scaled_request(100.4, attempt, 300) for attempt in (1, 2, 3)] == [100, 201, 300]
