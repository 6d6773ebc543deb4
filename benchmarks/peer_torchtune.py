"""Training steps of torchtune. `benchmarks.peers` starts this module in an environment with torchtune.

torchtune trains in the loop of its own recipes. At every step its DPO takes the model without the LoRA as the
reference. DPO therefore starts from the base model merged with the SFT adapter.
"""

import importlib.util
import json
import sys
import tempfile
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.step_clock import Turns, peak_memory

IGNORED = -100  # label of a token without loss
RECIPES = {"sft": "lora_finetune_single_device", "dpo": "lora_dpo_single_device"}
CLASSES = {"sft": "LoRAFinetuneRecipeSingleDevice", "dpo": "LoRADPORecipeSingleDevice"}
LOSSES = {"sft": "torchtune.modules.loss.CEWithChunkedOutputLoss", "dpo": "torchtune.rlhf.loss.DPOLoss"}


class Padding:
    """Takes the place of a tokenizer. The rows are token ids already, so a recipe needs only the padding token."""

    def __init__(self, pad_id: int) -> None:
        """Take the id of the padding token."""
        self.pad_id = pad_id


class Rows:
    """A recipe's data set: rows of token ids in the order of their file, repeated as often as the steps need."""

    def __init__(self, tokenizer: Padding, path: str, paired: bool, count: int) -> None:
        """Read `ids.jsonl`. `count` is the number of rows of all steps."""
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        self._rows = [_features(json.loads(line), paired) for line in lines]
        self._count = count

    def __len__(self) -> int:
        """Number of rows of all steps."""
        return self._count

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        """Token ids and labels of a row."""
        return self._rows[index % len(self._rows)]


def _features(row: dict[str, list[int]], paired: bool) -> dict[str, list[int]]:
    """Token ids and labels of a row, or of both answers of a pair."""
    ids = {answer: row["prompt"] + row[answer] for answer in ("chosen", "rejected")}
    labels = {answer: [IGNORED] * len(row["prompt"]) + row[answer] for answer in ids}
    if not paired:
        return {"tokens": ids["chosen"], "labels": labels["chosen"]}
    return {f"{answer}_input_ids": ids[answer] for answer in ids} | {
        f"{answer}_labels": labels[answer] for answer in ids
    }


class Clock:
    """Takes the place of a recipe's logger, which the recipe calls at the end of every step."""

    def __init__(self, parent: Any, steps: int) -> None:
        """Wait for the first step."""
        self._parent, self._steps, self._turns = parent, steps, Turns(parent)
        self._losses: list[float] = []
        self._turns.wait()

    def log_dict(self, payload: dict[str, Any], step: int) -> None:
        """Finish a turn and wait for the next one. After the last, send facts and exit before weights are saved."""
        self._losses.append(float(payload["loss"]))
        self._turns.finish()
        if len(self._losses) < self._steps:
            self._turns.wait()
            return
        versions = {name: version(name) for name in ("torchtune", "torch", "torchao")}
        self._parent.send({"loss": self._losses[0], "memory": peak_memory(), "versions": versions})
        sys.exit()


def settings(folder: Path, out: Path, stage: str, shape: dict[str, Any]) -> dict[str, Any]:
    """A recipe's configuration."""
    base = folder / "merged" if stage == "dpo" else folder
    sizes = json.loads((base / "config.json").read_text(encoding="utf-8"))
    here = "benchmarks.peer_torchtune"
    return {
        "model": {
            "_component_": "torchtune.models.llama2.lora_llama2",
            "lora_attn_modules": ["q_proj", "k_proj", "v_proj", "output_proj"],
            "apply_lora_to_mlp": True,
            "apply_lora_to_output": False,
            "lora_rank": shape["rank"],
            "lora_alpha": 2 * shape["rank"],
            "lora_dropout": 0.0,
            "vocab_size": sizes["vocab_size"],
            "num_layers": sizes["num_hidden_layers"],
            "num_heads": sizes["num_attention_heads"],
            "num_kv_heads": sizes["num_key_value_heads"],
            "embed_dim": sizes["hidden_size"],
            "intermediate_dim": sizes["intermediate_size"],
            "max_seq_len": shape["max_length"],
            "norm_eps": sizes["rms_norm_eps"],
        },
        "checkpointer": {
            "_component_": "torchtune.training.FullModelHFCheckpointer",
            "checkpoint_dir": str(base),
            "checkpoint_files": ["model.safetensors"],
            "recipe_checkpoint": None,
            "output_dir": str(out),
            "model_type": "LLAMA2",
        },
        "tokenizer": {"_component_": f"{here}.Padding", "pad_id": shape["pad"]},
        "dataset": {
            "_component_": f"{here}.Rows",
            "path": str(folder / "ids.jsonl"),
            "paired": stage == "dpo",
            "count": shape["steps"] * shape["batch"],
        },
        "loss": {"_component_": LOSSES[stage]} | ({"beta": shape["beta"]} if stage == "dpo" else {}),
        "optimizer": {"_component_": "torch.optim.AdamW", "lr": 1e-5, "weight_decay": 0.0},
        "lr_scheduler": {
            "_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
            "num_warmup_steps": 1,
        },
        "metric_logger": {"_component_": "torchtune.training.metric_logging.DiskLogger", "log_dir": str(out)},
        "batch_size": shape["batch"],
        "shuffle": False,
        "epochs": 1,
        "max_steps_per_epoch": None,
        "gradient_accumulation_steps": 1,
        "clip_grad_norm": 1.0,
        "seed": 42,
        "device": "cpu",
        "dtype": "fp32",
        "compile": False,
        "enable_activation_checkpointing": False,
        "enable_activation_offloading": False,
        "resume_from_checkpoint": False,
        "save_adapter_weights_only": True,
        "log_every_n_steps": 1,
        "output_dir": str(out),
    }


def main(pipe: str, folder: Path, stage: str) -> None:
    """Take a step whenever the parent asks for one. After the last step, send facts of the process and exit.

    Args:
        pipe: number of the file descriptor of the connection to the parent.
        folder: folder with the base model, the merged model, `ids.jsonl` and `peers.json`.
        stage: sft or dpo.
    """
    import torch
    import torchtune
    from omegaconf import OmegaConf

    torch.set_num_threads(1)
    shape = json.loads((folder / "peers.json").read_text(encoding="utf-8"))
    out = Path(tempfile.mkdtemp(dir=folder.parent))  # torchtune refuses a folder inside that of the model
    config = OmegaConf.create(settings(folder, out, stage, shape))
    file = Path(torchtune.__file__).parents[1] / "recipes" / f"{RECIPES[stage]}.py"  # torchtune bars an import
    spec: Any = importlib.util.spec_from_file_location("recipe", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recipe = getattr(module, CLASSES[stage])(config)
    recipe.setup(config)
    recipe._metric_logger = Clock(Connection(int(pipe)), shape["steps"])
    recipe.train()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
