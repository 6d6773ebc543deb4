"""Training steps of LLaMA-Factory. `benchmarks.peers` starts this module in an environment with LLaMA-Factory.

LLaMA-Factory trains in the loop of Transformers. At every step its DPO takes the model without the LoRA as the
reference. DPO therefore starts from the base model merged with the SFT adapter.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.step_clock import Turns, peak_memory, trainer_clock

IGNORED = -100  # label of a token without loss


def features(row: dict[str, list[int]], paired: bool) -> dict[str, Any]:
    """Token ids, attention mask and labels of a row, or of both answers of a pair: LLaMA-Factory's columns."""
    named = {"chosen_": "chosen", "rejected_": "rejected"} if paired else {"": "chosen"}
    columns: dict[str, Any] = dict.fromkeys(("images", "videos", "audios"))
    for prefix, answer in named.items():
        ids = row["prompt"] + row[answer]
        columns[f"{prefix}input_ids"] = ids
        columns[f"{prefix}attention_mask"] = [1] * len(ids)
        columns[f"{prefix}labels"] = [IGNORED] * len(row["prompt"]) + row[answer]
    return columns


def arguments(folder: Path, out: Path, paired: bool, shape: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `llamafactory-cli train`, other than the defaults."""
    return {
        "stage": "dpo" if paired else "sft",
        "model_name_or_path": str(folder / "merged" if paired else folder),
        "pref_beta": shape["beta"],
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": shape["rank"],
        "lora_alpha": 2 * shape["rank"],
        "lora_dropout": 0.0,
        "lora_target": ",".join(shape["targets"]),
        "template": "empty",  # the rows are token ids already
        "dataset": "rows",
        "tokenized_path": str(out / "rows"),
        "disable_shuffling": True,
        "cutoff_len": shape["max_length"],
        "per_device_train_batch_size": shape["batch"],
        "gradient_accumulation_steps": 1,
        "disable_gradient_checkpointing": True,
        "max_steps": shape["steps"],
        "learning_rate": 1e-5,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "seed": 42,
        "output_dir": str(out / "run"),
    }


def main(pipe: str, folder: Path, stage: str) -> None:
    """Take a step whenever the parent asks for one. After the last step, send facts of the process and exit.

    Args:
        pipe: number of the file descriptor of the connection to the parent.
        folder: folder with the base model, the merged model, `ids.jsonl` and `peers.json`.
        stage: sft or dpo.
    """
    import torch
    from datasets import Dataset
    from llamafactory.train.tuner import run_exp
    from transformers import TrainerCallback

    torch.set_num_threads(1)
    parent, paired = Connection(int(pipe)), stage == "dpo"
    shape = json.loads((folder / "peers.json").read_text(encoding="utf-8"))
    out = Path(tempfile.mkdtemp(dir=folder.parent))
    rows = [json.loads(line) for line in (folder / "ids.jsonl").read_text(encoding="utf-8").splitlines()]
    Dataset.from_list([features(row, paired) for row in rows]).save_to_disk(str(out / "rows"))

    class Facts(TrainerCallback):
        """Sends facts when training ends, before LLaMA-Factory saves the model."""

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            versions = {name: version(name) for name in ("llamafactory", "torch", "transformers", "trl", "peft")}
            loss = state.log_history[0]["loss"]
            parent.send({"loss": loss, "memory": peak_memory(), "versions": versions})
            sys.exit()

    run_exp(arguments(folder, out, paired, shape), callbacks=[trainer_clock(Turns(parent)), Facts()])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
