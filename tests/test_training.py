"""Training against oracles: stock TRL, plain PEFT, and the same run without an interruption."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from clinical_dpo import training
from clinical_dpo.dpo import train_dpo, wide_policy
from clinical_dpo.errors import UserError
from clinical_dpo.models import load_base, load_tokenizer, load_variant
from clinical_dpo.preferences import preference_pairs
from clinical_dpo.prompts import tokenize_completion
from clinical_dpo.records import read_csv, read_json, read_jsonl, write_jsonl
from clinical_dpo.reference import score_answers, score_reference
from clinical_dpo.sft import train_sft
from clinical_dpo.training import Run
from tests.conftest import MODEL

SETTINGS = {
    "adapter": "lora",
    "seed": 42,
    "learning_rate": 5e-3,
    "lora": {"rank": 4, "alpha": 16, "dropout": 0.1},
    "batch_size": 4,
    "eval_steps": 3,
    "log_steps": 1,
    "checkpoint_steps": 3,
    "scheduler": "cosine",
    "warmup_steps": 2,
    "optimizer": "adamw_torch",
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "max_length": 256,
    "gradient_checkpointing": False,
}
DPO = SETTINGS | {
    "beta": 0.3,
    "loss": "sigmoid",
    "label_smoothing": 0.0,
    "lora": {"rank": 3, "alpha": 3, "dropout": 0.05},  # another rank and another scale than SFT
}
LABELS = ["UTI", "No UTI"]
STOCK = {  # TRL as shipped, on the rows and in the order of the runs here
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "report_to": "none",
    "disable_tqdm": True,
    "save_strategy": "no",
    "dataloader_pin_memory": False,
    "max_length": 256,
    "max_steps": 8,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "logging_steps": 1,
    "seed": 42,
    "data_seed": 42,
}


def rows(n, start=0):
    """Prompts of different lengths; answers of different lengths."""
    words = ["dysuria", "frequency", "pyuria", "cough", "headache", "fever", "rash", "nausea"]
    made = []
    for i in range(start, start + n):
        note = " ".join(words[(i * k) % 8] for k in range(1, 5 + i % 17))
        made.append(
            {
                "id": f"r{i}",
                "prompt": [{"role": "user", "content": f"Patient {i} has {note}. UTI or No UTI?"}],
                "completion": [{"role": "assistant", "content": LABELS[i % 2]}],
            }
        )
    return made


@pytest.fixture(scope="module")
def study(tiny_base, tmp_path_factory):
    """A trained SFT adapter with its data, pairs and reference."""
    folder = tmp_path_factory.mktemp("study")
    for name, part in {"train": rows(24), "eval": rows(8, 24)}.items():
        write_jsonl(folder / f"{name}.jsonl", part)
        pairs, _ = preference_pairs(part, "other_label", 42, LABELS)
        write_jsonl(folder / f"{name}.pairs.jsonl", pairs)
    train_sft(sft_run(tiny_base, folder / "sft"), *sft_data(folder))
    pairs = {str(folder / f"{name}.parquet"): str(folder / f"{name}.pairs.jsonl") for name in ("train", "eval")}
    score_reference(str(tiny_base), str(folder / "sft"), MODEL, pairs, 256, 4)
    return tiny_base, folder


def sft_run(base, out, steps=8, **changes):
    return Run(str(base), MODEL, SETTINGS | changes, steps, str(out), micro_batch_size=2, eval_batch_size=4)


def sft_data(folder):
    return str(folder / "train.jsonl"), str(folder / "eval.jsonl")


def dpo_run(base, out, steps=8, **changes):
    return Run(str(base), MODEL, DPO | changes, steps, str(out), micro_batch_size=2, eval_batch_size=4)


def dpo_data(folder, sft="sft"):
    files = ("train.pairs.jsonl", "eval.pairs.jsonl", "train.parquet", "eval.parquet", sft)
    return [str(folder / file) for file in files]


def logits(model, tokenizer):
    ids = tokenizer.apply_chat_template(rows(1, 5)[0]["prompt"], return_tensors="pt", return_dict=True)["input_ids"]
    with torch.no_grad():
        return model(ids).logits


def merged(base, adapter):
    """Plain PEFT: the base model with the SFT adapter merged in."""
    return PeftModel.from_pretrained(load_base(base, MODEL), str(adapter)).merge_and_unload()


def pairs_dataset(folder, split="train"):
    return Dataset.from_list(
        [{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in read_rows(folder, split)]
    )


def read_rows(folder, split):
    return read_jsonl(folder / f"{split}.pairs.jsonl")


def stock_dpo(base, folder, **arguments):
    """TRL as shipped: a new LoRA on the merged SFT model, whose live reference is that model."""
    arguments = {**STOCK, "output_dir": str(folder / "stock"), **arguments}
    return DPOTrainer(
        model=merged(base, folder / "sft"),
        args=DPOConfig(**arguments),
        train_dataset=pairs_dataset(folder),
        processing_class=load_tokenizer(base),
        peft_config=LoraConfig(r=3, lora_alpha=3, target_modules=MODEL["lora_targets"], task_type="CAUSAL_LM"),
    )


def test_untrained_policy_is_the_sft_model(study):
    """Ranks 4 and 3, scales 4 and 1 in one adapter."""
    base, folder = study
    tokenizer = load_tokenizer(base)
    policy = wide_policy(load_base(base, MODEL), folder / "sft", DPO["lora"], MODEL["lora_targets"]).eval()
    expected = logits(merged(base, folder / "sft"), tokenizer)
    torch.testing.assert_close(logits(policy, tokenizer), expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(expected, logits(load_base(base, MODEL), tokenizer), atol=1e-2)


def test_reference_is_the_sft_model_and_not_the_base(study):
    """Stock TRL's own reference pass gives the same log-probabilities; the base model's are nats away."""
    base, folder = study
    trainer = stock_dpo(base, folder)
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(24)])
    chosen, rejected = trainer.compute_ref_log_probs(trainer.model, batch)
    stored = pd.read_parquet(folder / "train.parquet")
    assert stored["id"].tolist() == [f"r{i}" for i in range(24)]
    torch.testing.assert_close(torch.tensor(stored["chosen"]).float(), chosen, atol=2e-4, rtol=1e-5)
    torch.testing.assert_close(torch.tensor(stored["rejected"]).float(), rejected, atol=2e-4, rtol=1e-5)
    plain = score_answers(
        load_variant(base, None, MODEL), load_tokenizer(base), read_rows(folder, "train"), "chosen", 256, 4
    )
    assert (torch.tensor(plain) - chosen).abs().max() > 0.5


def test_sft_losses_equal_stock_trl(study, tmp_path):
    """The head on answers alone changes nothing that TRL's own trainer would learn from, dropout included."""
    base, folder = study
    data = {
        split: Dataset.from_list(
            [{key: row[key] for key in ("prompt", "completion")} for row in read_jsonl(folder / f"{split}.jsonl")]
        )
        for split in ("train", "eval")
    }
    trainer = SFTTrainer(
        model=load_base(base, MODEL),
        args=SFTConfig(
            **STOCK,
            output_dir=str(tmp_path),
            learning_rate=5e-3,
            lr_scheduler_type="cosine",
            warmup_steps=2,
            # Each pass over the eval rows draws from the random state that dropout draws from.
            eval_strategy="steps",
            eval_steps=3,
            eval_on_start=True,
            per_device_eval_batch_size=4,
        ),
        train_dataset=data["train"],
        eval_dataset=data["eval"],
        processing_class=load_tokenizer(base),
        peft_config=LoraConfig(
            r=4, lora_alpha=16, lora_dropout=0.1, target_modules=MODEL["lora_targets"], task_type="CAUSAL_LM"
        ),
    )
    trainer.train()
    expected = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    found = [float(row["loss"]) for row in read_csv(folder / "sft/log.csv") if row["split"] == "train"]
    assert found == pytest.approx(expected, abs=2e-5)


def test_losses_equal_stock_trl(study, tmp_path):
    """Same new ranks, same order, SGD: the loss of every step equals stock TRL's with its live reference."""
    base, folder = study
    sgd = {"optimizer": "sgd", "scheduler": "constant", "learning_rate": 0.3, "warmup_steps": 0}
    train_dpo(dpo_run(base, tmp_path / "ours", **sgd), *dpo_data(folder))
    torch.manual_seed(42)
    fresh = wide_policy(load_base(base, MODEL), folder / "sft", DPO["lora"], MODEL["lora_targets"]).state_dict()
    stock = stock_dpo(
        base,
        folder,
        optim="sgd",
        lr_scheduler_type="constant",
        learning_rate=0.3,
        warmup_steps=0,
        beta=0.3,
    )
    with torch.no_grad():
        for name, value in stock.model.named_parameters():
            if "lora_A" in name:
                value.copy_(fresh[name][4:])
    stock.train()
    expected = [entry["loss"] for entry in stock.state.log_history if "loss" in entry]
    found = [float(row["loss"]) for row in read_csv(tmp_path / "ours/log.csv") if row["split"] == "train"]
    assert expected[0] == pytest.approx(0.6931, abs=1e-3) and min(expected) < 0.68
    assert found == pytest.approx(expected, abs=2e-5)


def test_only_the_new_ranks_are_trained_and_plain_peft_loads_the_result(study, tmp_path):
    base, folder = study
    train_dpo(dpo_run(base, tmp_path / "dpo"), *dpo_data(folder))
    sft = load_file(folder / "sft/adapter_model.safetensors")
    wide = load_file(tmp_path / "dpo/adapter_model.safetensors")
    for name, value in sft.items():
        if "lora_A" in name:
            assert torch.equal(wide[name][:4], value)
        else:
            torch.testing.assert_close(wide[name][:, :4], value * 4)  # SFT's scale is 4, DPO's 1
            assert wide[name][:, 4:].abs().max() > 0
    tokenizer = load_tokenizer(base)
    tuned = PeftModel.from_pretrained(load_base(base, MODEL), str(tmp_path / "dpo")).eval()
    assert not torch.allclose(logits(tuned, tokenizer), logits(merged(base, folder / "sft"), tokenizer), atol=1e-3)
    rewards = [row for row in read_csv(tmp_path / "dpo/log.csv") if row["split"] == "eval"]
    assert float(rewards[0]["loss"]) == pytest.approx(0.6931, abs=1e-3)
    assert float(rewards[-1]["rewards/margins"]) > 0


class Killed(Exception):
    pass


class KillAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise Killed


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_killed_run_resumes_and_ends_with_the_same_weights(study, tmp_path, monkeypatch, stage):
    base, folder = study
    start = train_sft if stage == "sft" else train_dpo
    make = sft_run if stage == "sft" else dpo_run
    data = sft_data(folder) if stage == "sft" else dpo_data(folder)
    start(make(base, tmp_path / "unbroken"), *data)
    complete = training.complete

    def complete_killed(run, prepared, trainer):
        trainer.add_callback(KillAt(5))
        complete(run, prepared, trainer)

    monkeypatch.setattr(f"clinical_dpo.{stage}.complete", complete_killed)
    with pytest.raises(Killed):
        start(make(base, tmp_path / "killed"), *data)
    assert not (tmp_path / "killed").exists()
    monkeypatch.undo()
    start(make(base, tmp_path / "killed"), *data)
    assert read_json(tmp_path / "killed/run.json")["resumed_from_step"] == 3
    file = "adapter_model.safetensors"
    assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "unbroken" / file).read_bytes()
    steps = [(row["step"], row["split"], row["loss"]) for row in read_csv(tmp_path / "killed/log.csv")]
    assert steps == [(row["step"], row["split"], row["loss"]) for row in read_csv(tmp_path / "unbroken/log.csv")]
    assert not (tmp_path / "killed.checkpoints").exists()


def test_a_checkpoint_of_other_settings_is_not_resumed(study, tmp_path):
    base, folder = study
    stale = tmp_path / "run.checkpoints/checkpoint-3"
    stale.mkdir(parents=True)
    (stale.parent / "digest.json").write_text('"other"')
    train_sft(sft_run(base, tmp_path / "run"), *sft_data(folder))
    assert read_json(tmp_path / "run/run.json")["resumed_from_step"] == 0


def test_all_weights_can_be_trained_instead(study, tmp_path):
    """adapter: full. The artifact is a checkpoint that loads without the base; DPO starts from it."""
    base, folder = study
    full = {"adapter": "full", "learning_rate": 1e-3}
    train_sft(sft_run(base, tmp_path / "sft", **full), *sft_data(folder))
    assert not (tmp_path / "sft/adapter_config.json").exists()
    for name in ("train.pairs.jsonl", "eval.pairs.jsonl"):
        (tmp_path / name).write_text((folder / name).read_text())
    pairs = {str(tmp_path / f"{name}.parquet"): str(tmp_path / f"{name}.pairs.jsonl") for name in ("train", "eval")}
    score_reference(str(base), str(tmp_path / "sft"), MODEL, pairs, 256, 4)
    train_dpo(dpo_run(base, tmp_path / "dpo", **full), *dpo_data(tmp_path))
    log = [row for row in read_csv(tmp_path / "dpo/log.csv") if row["split"] == "eval"]
    assert float(log[0]["loss"]) == pytest.approx(0.6931, abs=1e-3)
    tokenizer = load_tokenizer(base)
    one, two = (logits(load_variant(base, tmp_path / name, MODEL), tokenizer) for name in ("sft", "dpo"))
    assert not torch.allclose(one, two, atol=1e-4)


def test_a_probe_keeps_its_curve_and_no_weights(study, tmp_path):
    base, folder = study
    run = dataclasses.replace(sft_run(base, tmp_path / "probe"), probe=True)
    train_sft(run, *sft_data(folder))
    assert sorted(path.name for path in (tmp_path / "probe").iterdir()) == ["log.csv", "run.json"]
    evals = [int(row["step"]) for row in read_csv(tmp_path / "probe/log.csv") if row["split"] == "eval"]
    assert evals == [0, 3, 6, 8]


def test_provenance_tells_what_made_the_weights(study):
    _, folder = study
    run = read_json(folder / "sft/run.json")
    assert run["steps"] == 8 and run["seed"] == 42 and run["tokens_seen"] > 0
    assert run["lengths"]["train"]["rows"] == 24 and run["lengths"]["train"]["truncated"] == 0
    assert {Path(path).name for path in run["inputs"]} == {"train.jsonl", "eval.jsonl"}
    assert {"torch", "trl", "peft"} <= set(run["versions"])


def test_a_prompt_longer_than_max_length_is_refused(study, tmp_path):
    base, folder = study
    with pytest.raises(UserError, match=r"train\.jsonl.*row 1 \(id 'r0'\): the prompt alone takes \d+ tokens"):
        train_sft(sft_run(base, tmp_path / "run", max_length=12), *sft_data(folder))
    assert not (tmp_path / "run").exists()


def test_the_answer_starts_where_the_chat_template_puts_it(study):
    base, _ = study
    tokenizer = load_tokenizer(base)
    row = rows(1)[0]
    full = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=True)["input_ids"]
    prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
    assert tokenize_completion(row, tokenizer, "completion") == (prompt, full[len(prompt) :])
    assert full[-1] == tokenizer.eos_token_id and full.count(tokenizer.bos_token_id) == 1
