"""Supervised fine-tuning (SFT) with TRL's SFTTrainer. The loss covers only the answers."""

from collections.abc import Mapping
from typing import Any

import torch

from clinical_dpo.models.load import restore_trainable_weights
from clinical_dpo.records import TaskRow
from clinical_dpo.tokenization.tokens import tokenize_completion
from clinical_dpo.training.lora import lora_names, without_lora
from clinical_dpo.training.run import Prepared, is_probe_again, load_initial_model, prepare, train_and_save
from clinical_dpo.training.settings import Run
from clinical_dpo.training.trainer_arguments import trainer_arguments


def train(run: Run, files: Mapping[str, str]) -> None:
    """Train the SFT model of a job.

    Args:
        run: settings and output folder of the training.
        files: paths of the job's input files. `train` and `eval` have prompts with reference answers.
    """
    train_sft(run, files["train"], files["eval"])


def train_sft(run: Run, train_rows: str, eval_rows: str) -> None:
    """Train one SFT model on prompts with reference answers, and write its files into `run.out`.

    Args:
        run: settings and output folder of the training.
        train_rows, eval_rows: JSON Lines files of prompts with reference answers (prompt, completion).

    Raises:
        UserError: a prompt fills max_length, or an answer is empty.
    """
    prepared = prepare(run, {"train": train_rows, "eval": eval_rows}, ["completion"])
    if is_probe_again(run, prepared):
        return
    from peft import LoraConfig, get_peft_model  # this import takes seconds, so the data checks come first

    lora = run.settings["lora"]
    torch.manual_seed(run.settings["seed"])
    model = load_initial_model(run, run.base)
    policy: Any = model
    if run.settings["adapter"] == "lora":
        adapter = LoraConfig(
            r=lora["rank"],
            lora_alpha=lora["alpha"],
            lora_dropout=lora["dropout"],
            target_modules=lora_names(model, run.model["lora_targets"]),
            exclude_modules=without_lora(model),
            task_type="CAUSAL_LM",
        )
        policy = get_peft_model(model, adapter)
    train_on_answers(run, prepared, policy)


def train_on_answers(run: Run, prepared: Prepared, policy: Any) -> None:
    """Train the model `policy` with the SFT loss on the prepared rows' answers, and write its files into `run.out`."""
    # These imports take seconds, so the data checks come first.
    from datasets import Dataset
    from trl import SFTConfig

    from clinical_dpo.training.sft_trainer import RowMeanSFTTrainer

    data = {
        split: Dataset.from_list([_tokens(row, prepared.tokenizer) for row in rows])
        for split, rows in prepared.rows.items()
    }
    with restore_trainable_weights(policy):
        trainer = RowMeanSFTTrainer(
            model=policy,
            args=SFTConfig(completion_only_loss=True, packing=False, **trainer_arguments(run, prepared.checkpoints)),
            train_dataset=data["train"],
            eval_dataset=data["eval"],
            processing_class=prepared.tokenizer,
        )
    train_and_save(run, prepared, trainer, branches=1)


def _tokens(row: TaskRow, tokenizer: Any) -> dict[str, list[int]]:
    """Token ids of a row (`input_ids`), and a mask that is 1 for each token of the answer (`completion_mask`).

    If a text spells a special token such as `</s>`, this function encodes the spelling as plain text. TRL's own
    tokenization, which is not used here, would encode the spelling as the special token.
    """
    prompt, answer = tokenize_completion(row, tokenizer, "completion")
    return {"input_ids": prompt + answer, "completion_mask": [0] * len(prompt) + [1] * len(answer)}
