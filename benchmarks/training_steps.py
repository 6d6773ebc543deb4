"""One variant of a training step, in its own process: model, rows, trainer and clock."""

import argparse
import os
import random
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.random_rows import Case, random_model, random_row
from benchmarks.step_clock import Turns, peak_memory, trainer_clock

MAX_LENGTH = 2048  # tokens
BATCHES = 3  # batches of rows; the steps cycle through these batches
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CPU_SHAPE = {  # Llama-3-8B and Mistral-7B at about an eighth of the width
    "hidden_size": 512,
    "intermediate_size": 1376,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
}
QUICK_SHAPE = CPU_SHAPE | {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
GPU_SHAPE = {  # Llama-3-8B and Mistral-7B as published
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 8192,
}
GPU_VOCABULARY = {"llama": 128256, "mistral": 32000}
SETTINGS = {
    "adapter": "lora",
    "layout": "flat",
    "seed": 42,
    "learning_rate": 1e-5,
    "epochs": None,
    "eval_steps": 1000,
    "logging_steps": 1,
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "optimizer": "adamw_torch",
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "max_length": MAX_LENGTH,
}
LIVE, PRECOMPUTED, LIVE_COMPACT = "stock DPO, live reference", "stock DPO, precomputed", "stock DPO, live, compact head"
DPO, STOCK_SFT, SFT, REFERENCE = "our DPO", "stock SFT", "our SFT", "our reference pass"


def _lora(lora: Mapping[str, Any]) -> Any:
    """PEFT's configuration of a LoRA on all linear layers.

    Args:
        lora: `rank`, `alpha` and `dropout`.
    """
    from peft import LoraConfig

    shape = {"r": lora["rank"], "lora_alpha": lora["alpha"], "lora_dropout": lora["dropout"]}
    return LoraConfig(**shape, target_modules=TARGETS, task_type="CAUSAL_LM")


def prepare(folder: Path, case: Case, setup: argparse.Namespace) -> str | None:
    """Write base model, SFT adapter, rows and reference log-probabilities into a folder.

    Returns:
        The GPU's name; None if the computer has no GPU.
    """
    quiet()
    import torch
    from peft import get_peft_model

    from clinical_dpo.io import write_jsonl
    from clinical_dpo.training.reference_logps import compute_reference_logps

    base, tokenizer = random_model(setup.arch, case.vocabulary, setup.shape, setup.model["dtype"])
    base.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    adapter = get_peft_model(base, _lora(setup.loras["sft"]))
    for name, weight in adapter.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    adapter.save_pretrained(str(folder / "sft"))
    del base, adapter
    draw = random.Random(0)
    rows = [random_row(draw, case, setup.spread, str(number)) for number in range(BATCHES * case.batch)]
    write_jsonl(folder / "rows.jsonl", rows)
    pairs: Any = {folder / "reference.parquet": folder / "rows.jsonl"}
    compute_reference_logps(folder, folder / "sft", setup.model, pairs, MAX_LENGTH, case.batch)
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def work(variant: str, folder: Path, case: Case, setup: argparse.Namespace, parent: Any) -> None:
    """Take a step at each message of `parent`, and answer with the step's wall and CPU seconds.

    At the end, send facts of the process: first loss, peak memory, tokens per step and others.

    Args:
        variant: name of the variant.
        folder: folder that `prepare` has filled.
        case: the kind of rows.
        setup: the benchmark's settings, such as LoRA and repeats.
        parent: pipe to the parent process.
    """
    quiet()
    if variant == REFERENCE:
        parent.send(_score(folder, case, setup, parent))
        return
    from transformers import PrinterCallback

    from clinical_dpo.training.flat.collator import Collator
    from clinical_dpo.training.flat.model import use_flat_layout, without_adapter

    trainer = _trainer(variant, folder, case, setup)
    ours = variant in (DPO, SFT)

    class Counted(Collator):
        """Collator that remembers the number of tokens of its largest batch."""

        largest = 0

        def __call__(self, rows: list[Any]) -> dict[str, Any]:
            before = self.computed
            batch = super().__call__(rows)
            self.largest = max(self.largest, self.computed - before)
            return batch

    collator = Counted(trainer.data_collator, {DPO: 2, SFT: 1}.get(variant))
    trainer.data_collator = collator
    if ours:
        use_flat_layout(without_adapter(trainer.model))

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(trainer_clock(Turns(parent)))
    # On a GPU TRL computes the head only where a token is predicted; this does the same on a CPU.
    with patch("trl.trainer.utils._use_triton", return_value=True) if variant == LIVE_COMPACT else nullcontext():
        trainer.train()
    parent.send(
        {
            "loss": trainer.state.log_history[0]["loss"],
            "memory": peak_memory(),
            "tokens": collator.computed / (setup.repeats + 1),
            "padding": collator.padding_share,
            "largest": collator.largest,
        }
    )


def _trainer(variant: str, folder: Path, case: Case, setup: argparse.Namespace) -> Any:
    """The trainer of a variant: TRL's as shipped, or that of this project's stages."""
    import torch
    from datasets import Dataset
    from peft import PeftModel, get_peft_model
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    from clinical_dpo.io import read_jsonl
    from clinical_dpo.models.load import load_base, restore_trainable_weights
    from clinical_dpo.tokenization.tokenizer import load_tokenizer
    from clinical_dpo.training.dpo import with_reference_logps
    from clinical_dpo.training.dpo_trainer import StoredReferenceDPOTrainer
    from clinical_dpo.training.settings import Run
    from clinical_dpo.training.sft_ranks import policy_with_frozen_sft_ranks
    from clinical_dpo.training.sft_trainer import RowMeanSFTTrainer
    from clinical_dpo.training.trainer_arguments import trainer_arguments

    settings = SETTINGS | {"batch_size": case.batch}
    speed = {"micro_batch_size": case.micro_batch or case.batch, "micro_batch_tokens": 0, "eval_batch_size": case.batch}
    speed |= {"save_steps": 1000, "gradient_checkpointing": False}
    run = Run(str(folder), setup.model, settings, setup.repeats + 1, str(folder), **speed)
    never = {"eval_strategy": "no", "eval_on_start": False, "save_strategy": "no"}
    arguments = trainer_arguments(run, Path(tempfile.mkdtemp(dir=folder))) | never
    lora = setup.loras["sft" if variant in (SFT, STOCK_SFT) else "dpo"]
    rows = read_jsonl(folder / "rows.jsonl")

    def columns(*names: str) -> Any:
        return Dataset.from_list([{name: row[name] for name in names} for row in rows])

    torch.manual_seed(42)
    base = load_base(folder, setup.model)
    shared = {"processing_class": load_tokenizer(folder)}
    if variant in (SFT, STOCK_SFT):
        policy: Any = get_peft_model(base, _lora(lora))
        with restore_trainable_weights(policy):
            trainer = RowMeanSFTTrainer if variant == SFT else SFTTrainer
            return trainer(policy, args=SFTConfig(**arguments), train_dataset=columns("prompt", "completion"), **shared)
    if variant == DPO:
        policy = policy_with_frozen_sft_ranks(base, folder / "sft", lora, TARGETS)
        data = with_reference_logps(rows, str(folder / "reference.parquet"), shared["processing_class"])
        return StoredReferenceDPOTrainer(policy, DPOConfig(**arguments), train_dataset=data, **shared)
    return DPOTrainer(
        PeftModel.from_pretrained(base, str(folder / "sft")).merge_and_unload(),
        args=DPOConfig(precompute_ref_log_probs=variant == PRECOMPUTED, **arguments),
        train_dataset=columns("prompt", "chosen", "rejected"),
        peft_config=_lora(lora),
        **shared,
    )


def _score(folder: Path, case: Case, setup: argparse.Namespace, parent: Any) -> dict[str, Any]:
    """Compute the reference log-probabilities batch by batch, as the rule `compute_reference_logps` does.

    It takes a batch at each message of `parent`, and answers with the wall and CPU seconds. It returns the peak memory.
    """
    from clinical_dpo.io import read_jsonl
    from clinical_dpo.models.load import autocast, load_variant
    from clinical_dpo.tokenization.tokenizer import load_tokenizer
    from clinical_dpo.training.flat.model import use_flat_layout, without_adapter
    from clinical_dpo.training.reference_logps import pair_logps

    rows, tokenizer = read_jsonl(folder / "rows.jsonl"), load_tokenizer(folder)
    model = without_adapter(load_variant(folder, folder / "sft", setup.model))
    use_flat_layout(model)
    turns = Turns(parent)
    for step in range(setup.repeats + 1):
        start = step % BATCHES * case.batch
        turns.wait()
        with autocast(setup.model):
            pair_logps(model, tokenizer, rows[start : start + case.batch], MAX_LENGTH, case.batch)
        turns.finish()
    return {"memory": peak_memory()}


def quiet() -> None:
    """Use one thread and no network, and silence progress bars and the libraries' warnings."""
    warnings.simplefilter("ignore")
    os.environ["TQDM_DISABLE"] = "1"
    from datasets import disable_caching, disable_progress_bars
    from transformers.utils import logging

    from clinical_dpo.models.load import prepare_process

    disable_caching()
    disable_progress_bars()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    prepare_process(1)
