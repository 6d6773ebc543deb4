"""Estimates of memory and time: published sizes and minutes, and how they grow."""

import pytest
import yaml

from clinical_dpo.placement import (
    START_MINUTES,
    compute_memory_mb,
    generation_minutes,
    grown,
    host_memory_mb,
    parameter_count,
    scoring_minutes,
    training_minutes,
)
from tests.conftest import ROOT, TINY

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
    ("outcome", "stage", "published"),
    [("label", "sft", 20), ("label", "dpo", 50), ("text", "sft", 50), ("text", "dpo", 160), ("answer", "dpo", 160)],
)
def test_the_published_run_fits_its_limit_and_is_not_asked_for_thrice(outcome, stage, published):
    asked = training_minutes(LLAMA, outcome, stage, 4, 1000)
    assert 1.5 * published <= asked <= 3 * published + START_MINUTES
    longer = training_minutes(LLAMA, outcome, stage, 4, 2000) - START_MINUTES
    assert longer == pytest.approx(2 * (asked - START_MINUTES))
    assert training_minutes(LLAMA, outcome, stage, 8, 500) == pytest.approx(asked)


def test_scores_and_answers_take_less_than_training():
    assert START_MINUTES < scoring_minutes(LLAMA, "text", 500) < training_minutes(LLAMA, "text", "dpo", 4, 125)
    summaries = generation_minutes(LLAMA, 200, 256, 32)
    assert START_MINUTES + 2 < summaries < START_MINUTES + 10
    tiny = {"pretraining": TINY, "dtype": "float32", "gpu": 0}
    assert generation_minutes(tiny, 200, 256, 32) == pytest.approx(START_MINUTES, rel=1e-3)


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
    assert [grown(100.4, attempt, 300) for attempt in (1, 2, 3)] == [100, 201, 300]
