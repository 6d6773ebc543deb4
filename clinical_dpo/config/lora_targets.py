"""Check the names of the linear layers that get a LoRA, before any job loads the model."""

import difflib
from collections.abc import Mapping
from typing import Any

from clinical_dpo.config.model_sizes import ALL_LINEAR
from clinical_dpo.errors import UserError, did_you_mean

# Linear layers of Llama, Mistral, Qwen and Gemma.
LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Linear layers of other decoder models in transformers.
_OTHERS = (
    *("qkv_proj", "gate_up_proj", "out_proj", "fc1", "fc2", "c_attn", "c_proj", "c_fc", "query_key_value", "dense"),
    *("dense_h_to_4h", "dense_4h_to_h", "fc_in", "fc_out", "Wqkv", "Wi", "Wo", "w1", "w2", "w3", "in_proj", "x_proj"),
    *("dt_proj", "query", "key", "value", "att_proj", "ff_proj", "ff_out", "up_gate_proj", "kv_a_proj_with_mqa"),
    *("q_a_proj", "q_b_proj", "kv_b_proj", "lm_head", "embed_tokens"),
)
_SIMILAR = 0.75  # similarity (difflib) of a name and the same name with one or two wrong letters


def check_targets(model: Mapping[str, Any], where: str) -> None:
    """Refuse mistyped names in `lora_targets`. PEFT would silently ignore such a name and train only the other layers.

    A model that is pre-trained here has the layers of LLAMA, so every other name is refused. The layers of a hub model
    are not known before its download. For such a model a name is refused only if it looks like a misspelling of a
    common layer name.

    Args:
        model: the model file's settings.
        where: the model file, with which the message begins.

    Raises:
        UserError: names are mistyped. The message has all of them, with the most similar right names.
    """
    if model["lora_targets"] == ALL_LINEAR:
        return
    pretrained = model["source"] == "pretrain"
    known = LLAMA if pretrained else (*LLAMA, *_OTHERS)
    wrong = []
    for target in model["lora_targets"]:
        name = target.rpartition(".")[2]
        if name not in known and (pretrained or difflib.get_close_matches(name, known, n=1, cutoff=_SIMILAR)):
            wrong.append(f"'{target}' is no linear layer.{did_you_mean(name, known)}")
    if wrong:
        raise UserError(f"{where}: key 'lora_targets': {' '.join(wrong)}")
