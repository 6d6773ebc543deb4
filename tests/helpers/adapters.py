"""LoRA adapters with random weights."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from tests.conftest import MODEL


def with_random_lora(model, seed: int) -> PeftModel:
    """The model with a LoRA of rank 4, whose random weights change the model's output."""
    torch.manual_seed(seed)
    config = LoraConfig(r=4, target_modules=MODEL["lora_targets"], init_lora_weights=False, task_type="CAUSAL_LM")
    return get_peft_model(model, config)
