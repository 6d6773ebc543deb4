"""The estimate of memory agrees with the tensors that PyTorch keeps for the backward pass, at the published sizes.

The models have their real shapes. Their tensors have no data (fake tensors), so that they need no memory.
"""

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen3Config

from clinical_dpo.cluster.time_and_memory import compute_memory_mb, lora_parameters, parameter_count, token_bytes
from clinical_dpo.model_files import SIZES
from clinical_dpo.training.flat.layout import hidden_inputs
from clinical_dpo.training.flat.model import use_flat_layout, without_adapter
from clinical_dpo.training.row_logps import rows_layout
from tests.conftest import ROOT

FAMILIES = {"llama3-8b-instruct": LlamaConfig, "mistral-7b-instruct": MistralConfig, "qwen3-8b": Qwen3Config}
LENGTH, RANK, WITHIN = 1000, 64, 0.15
STAGE = {"adapter": "lora", "lora": {"dropout": 0.0}, "gradient_checkpointing": False}
STAGE |= {"micro_batch_size": 2, "micro_batch_tokens": None, "max_length": LENGTH}


def model_file(name):
    return yaml.safe_load((ROOT / f"config/models/{name}.yaml").read_text())


def made(name, mode, stage, targets):
    """The model of a model file, with a LoRA unless all weights are trained, in fake tensors on a CPU."""
    names = SIZES | {"head_dim": "head_dim"}
    config = FAMILIES[name](**{names[key]: value for key, value in model_file(name)["sizes"].items()})
    full = stage["adapter"] == "full"
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32 if full else torch.bfloat16)
        if not full:
            dropout = stage["lora"]["dropout"]
            lora = LoraConfig(r=RANK, lora_dropout=dropout, target_modules=targets, task_type="CAUSAL_LM")
            model = get_peft_model(model, lora)
    if stage["gradient_checkpointing"]:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                fake = FakeTensor(mode, weight.detach(), torch.device("cpu"))
                module._parameters[name] = torch.nn.Parameter(fake, requires_grad=weight.requires_grad)
        for name, buffer in module._buffers.items():
            module._buffers[name] = FakeTensor(mode, buffer, torch.device("cpu"))
    return model.train()


def kept_bytes(model, mode):
    """Bytes that the forward pass of two rows keeps for the backward pass, besides the model's weights."""
    layout = rows_layout([[5] * LENGTH, list(range(LENGTH))], [LENGTH // 2] * 2, branches=1)
    causal = without_adapter(model)
    use_flat_layout(causal)
    weights = {weight.untyped_storage()._cdata for weight in model.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage
        return tensor

    with mode:
        inputs = hidden_inputs({k: mode.from_tensor(v) if torch.is_tensor(v) else v for k, v in layout.items()})
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            torch.autocast("cpu", torch.bfloat16),
        ):
            causal.base_model(**inputs, use_cache=False)
    return sum(storage.nbytes() for storage in kept.values())


@pytest.fixture(autouse=True)
def dropout_as_on_a_gpu(monkeypatch):
    """Dropout keeps a mask of a byte per element on a GPU, and a float32 number on a CPU."""

    def masked(self, values):
        return torch.native_dropout(values, self.p, True)[0]

    monkeypatch.setattr(torch.nn.Dropout, "forward", masked)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    ("targets", "change"),
    [
        ("all-linear", {}),
        ("all-linear", {"lora": {"dropout": 0.1}}),
        (["q_proj", "v_proj"], {"lora": {"dropout": 0.1}}),
        ("all-linear", {"adapter": "full"}),
    ],
)
def test_the_estimate_is_the_count_of_real_shapes(name, targets, change):
    stage, mode = STAGE | change, FakeTensorMode(allow_non_fake_inputs=True)
    model, settings = made(name, mode, stage, targets), model_file(name) | {"lora_targets": targets}
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    if stage["adapter"] == "full":
        assert trained == parameter_count(settings)
        fixed = 16 * trained
    else:
        assert sum(weight.numel() for weight in model.parameters()) - trained == parameter_count(settings)
        assert trained == lora_parameters(settings, RANK)
        fixed = 2 * parameter_count(settings) + 16 * trained
    counted = fixed + kept_bytes(model, mode)
    assert compute_memory_mb(settings, stage, rank=RANK) * 1e6 == pytest.approx(counted, rel=WITHIN)
    if stage["adapter"] == "lora":
        assert 2 * LENGTH * token_bytes(settings, stage, rank=RANK) == pytest.approx(counted - fixed, rel=WITHIN)


def test_checkpointed_layers_keep_their_inputs():
    """While a layer is computed again, all that it keeps is there too."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    stage, name = STAGE | {"gradient_checkpointing": True}, "llama3-8b-instruct"
    counted = kept_bytes(made(name, mode, stage, "all-linear"), mode)
    one_layer = token_bytes(model_file(name), STAGE, rank=RANK) / 32
    estimate = 2 * LENGTH * (token_bytes(model_file(name), stage, rank=RANK) - one_layer)
    assert estimate == pytest.approx(counted, rel=WITHIN)
