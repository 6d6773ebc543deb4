"""Shared parts of training tests: settings, rows of mixed lengths, runs, and stock TRL on the same rows."""

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from clinical_dpo.data.preferences import preference_pairs
from clinical_dpo.io import read_csv, read_jsonl, write_jsonl
from clinical_dpo.models.load import load_base
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.training.lora import lora_names
from clinical_dpo.training.reference_logps import compute_reference_logps
from clinical_dpo.training.settings import Run
from clinical_dpo.training.sft import train_sft
from clinical_dpo.training.sft_ranks import policy_with_frozen_sft_ranks
from tests.conftest import MODEL
from tests.helpers.task_rows import task_row

SETTINGS = {
    "adapter": "lora",
    "layout": "flat",
    "seed": 42,
    "learning_rate": 5e-3,
    "lora": {"rank": 4, "alpha": 16, "dropout": 0.1},
    "epochs": None,
    "batch_size": 4,
    "eval_steps": 3,
    "logging_steps": 1,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 2,
    "optimizer": "adamw_torch",
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "max_length": 256,
}
SPEED = {"micro_batch_size": 2, "micro_batch_tokens": 0, "eval_batch_size": 4, "save_steps": 3}
SPEED |= {"gradient_checkpointing": False}
DPO = SETTINGS | {
    "beta": 0.3,
    "loss": "sigmoid",
    "label_smoothing": 0.0,
    "lora": {"rank": 3, "alpha": 3, "dropout": 0.05},  # another rank and another scale than SFT
}
LABELS = ["UTI", "No UTI"]
METRICS = (
    *("loss", "grad_norm", "entropy", "mean_token_accuracy", "rewards/chosen", "rewards/rejected"),
    *("rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected"),
)
STOCK = {  # arguments with which stock TRL takes the same rows in the same order
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "report_to": "none",
    "disable_tqdm": True,
    "save_strategy": "no",
    "dataloader_pin_memory": False,
    "max_length": 256,
    "per_device_eval_batch_size": 4,
    "logging_steps": 1,
    "seed": 42,
    "data_seed": 42,
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
}
WORDS = ["dysuria", "frequency", "pyuria", "cough", "headache", "fever", "rash", "nausea"]


def rows(n, start=0, equal=False):
    """Task rows with prompts and answers of different lengths, or of equal lengths."""
    task_rows = []
    for i in range(start, start + n):
        note = " ".join(WORDS[(i * k) % 8] for k in range(1, 5 + i % 17))
        prompt, answer = f"Patient {i} has {note}. UTI or No UTI?", LABELS[i % 2]
        if equal:
            prompt, answer = "Patient has fever. UTI or No UTI?", "UTI"
        elif i % 3 == 0:
            answer += f" because of {WORDS[i % 8]}"
        task_rows.append(task_row(f"r{i}", prompt, answer))
    return task_rows


def write_rows(folder, equal=False):
    """Write train and eval rows, and pairs of their answers."""
    for name, part in {"train": rows(24, equal=equal), "eval": rows(8, 24, equal)}.items():
        write_jsonl(folder / f"{name}.jsonl", part)
        wrong = [row | {"rejected": rejected(row["completion"][0]["content"])} for row in part]
        write_jsonl(folder / f"{name}.pairs.jsonl", preference_pairs(wrong, "field", 42)[0])


def rejected(answer):
    """The label without its reason, so that both answers begin with equal tokens; or the other label."""
    label, reason, _ = answer.partition(" because of ")
    return label if reason else LABELS[label == "UTI"]


def run_with(settings, base, out, steps, changes):
    speed = {key: changes.pop(key, value) for key, value in SPEED.items()}
    return Run(str(base), changes.pop("model", MODEL), settings | changes, steps, str(out), **speed)


def sft_run(base, out, steps=8, **changes):
    return run_with(SETTINGS, base, out, steps, changes)


def sft_data(folder):
    return str(folder / "train.jsonl"), str(folder / "eval.jsonl")


def dpo_run(base, out, steps=8, **changes):
    return run_with(DPO, base, out, steps, changes)


def dpo_data(folder, sft="sft"):
    files = ("train.pairs.jsonl", "eval.pairs.jsonl", "train.parquet", "eval.parquet", sft)
    return [str(folder / file) for file in files]


def pair_files(folder):
    return {str(folder / f"{name}.parquet"): str(folder / f"{name}.pairs.jsonl") for name in ("train", "eval")}


def logits(model, tokenizer):
    ids = tokenizer.apply_chat_template(rows(1, 5)[0]["prompt"], return_tensors="pt", return_dict=True)["input_ids"]
    with torch.no_grad():
        return model(ids).logits


def merged(base, adapter, model=MODEL):
    """The base model with the SFT adapter merged by PEFT."""
    return PeftModel.from_pretrained(load_base(base, model), str(adapter)).merge_and_unload()


def random_adapter(base, out, rank, alpha, dropout):
    """Save a random LoRA, which changes the model's answers, with plain PEFT."""
    torch.manual_seed(7)
    targets = MODEL["lora_targets"]
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(load_base(base, MODEL), config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.05)
    model.save_pretrained(out)


def dataset(folder, name, columns):
    return Dataset.from_list([{column: row[column] for column in columns} for row in read_jsonl(folder / name)])


def adapter_config(lora, dropout=None, targets=MODEL["lora_targets"]):
    return LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"] if dropout is None else dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )


def start_as_ours(trainer, base, folder, lora, model=MODEL):
    """Set the matrices A of stock TRL's new LoRA to those with which the new ranks of our policy start."""
    plain = load_base(base, model)
    torch.manual_seed(42)
    fresh = policy_with_frozen_sft_ranks(
        plain, folder / "sft", lora, lora_names(plain, model["lora_targets"])
    ).state_dict()
    with torch.no_grad():
        for name, value in trainer.model.named_parameters():
            if "lora_A" in name:
                value.copy_(fresh[name][-lora["rank"] :])


def stock_dpo(base, folder, lora=DPO["lora"], model=MODEL, targets=None, **arguments):
    """Stock TRL: a new LoRA on the merged SFT model, which is the live reference model; A starts as ours does.

    `targets` are PEFT's target modules, if they are not the model file's.
    """
    columns = ("prompt", "chosen", "rejected")
    trainer = DPOTrainer(
        model=merged(base, folder / "sft", model),
        args=DPOConfig(**STOCK | {"output_dir": str(folder / "stock"), "beta": 0.3, "max_steps": 1} | arguments),
        train_dataset=dataset(folder, "train.pairs.jsonl", columns),
        eval_dataset=dataset(folder, "eval.pairs.jsonl", columns),
        processing_class=load_tokenizer(base),
        peft_config=adapter_config(lora, targets=targets or model["lora_targets"]),
    )
    start_as_ours(trainer, base, folder, lora, model)
    return trainer


def stock_sft_longer(base, folder, lora, **arguments):
    """Stock TRL: a new LoRA on the merged SFT model, evaluated row by row. Its matrices A start as ours."""
    columns = ("prompt", "completion")
    trainer = SFTTrainer(
        model=merged(base, folder / "sft"),
        args=SFTConfig(**STOCK | {"output_dir": str(folder / "stock"), "per_device_eval_batch_size": 1} | arguments),
        train_dataset=dataset(folder, "train.jsonl", columns),
        eval_dataset=dataset(folder, "eval.jsonl", columns),
        processing_class=load_tokenizer(base),
        peft_config=adapter_config(lora, dropout=0.0),
    )
    start_as_ours(trainer, base, folder, lora)
    return trainer


def stock_sft(base, folder, lora, model=MODEL, targets=None, **arguments):
    """Stock TRL, evaluated row by row."""
    columns = ("prompt", "completion")
    return SFTTrainer(
        model=load_base(base, model),
        args=SFTConfig(**STOCK | {"output_dir": str(folder / "stock"), "per_device_eval_batch_size": 1} | arguments),
        train_dataset=dataset(folder, "train.jsonl", columns),
        eval_dataset=dataset(folder, "eval.jsonl", columns),
        processing_class=load_tokenizer(base),
        peft_config=adapter_config(lora, targets=targets or model["lora_targets"]) if lora else None,
    )


def logged(history):
    """Split -> metric -> its values in order of step, from a trainer's log history."""
    train = [entry for entry in history if "loss" in entry]
    evals = [{key.removeprefix("eval_"): value for key, value in entry.items()} for entry in history]
    evals = [entry for entry in evals if "runtime" in entry]
    return {
        split: {metric: [entry[metric] for entry in entries] for metric in METRICS if entries and metric in entries[0]}
        for split, entries in (("train", train), ("eval", evals))
    }


def logged_file(path):
    """Split -> metric -> its values in order of step, from a run's log.csv."""
    table = read_csv(path)
    entries = {split: [row for row in table if row["split"] == split] for split in ("train", "eval")}
    return {
        split: {metric: [float(row[metric]) for row in part] for metric in METRICS if part[0][metric]}
        for split, part in entries.items()
    }


def largest_differences(expected, actual):
    """Metric -> largest difference between its two series."""
    return {
        metric: max(abs(a - b) for a, b in zip(expected[metric], actual[metric], strict=True))
        for metric in expected.keys() & actual.keys()
    }


def trained_study(base, folder):
    """Train an SFT adapter, and write its data, pairs and reference log-probabilities."""
    write_rows(folder)
    train_sft(sft_run(base, folder / "sft"), *sft_data(folder))
    compute_reference_logps(str(base), str(folder / "sft"), MODEL, pair_files(folder), 256, 4)
    return base, folder


def assert_sft_ranks_kept(sft, policy):
    """Assert that a policy of scale 1 keeps the SFT adapter of scale 4 in its first ranks, and that new ranks moved."""
    for name, value in sft.items():
        if "lora_A" in name:
            assert torch.equal(policy[name][:4], value)
        else:
            torch.testing.assert_close(policy[name][:, :4], value * 4)
            assert policy[name][:, 4:].abs().max() > 0
