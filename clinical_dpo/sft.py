"""Supervised fine-tuning: TRL's SFTTrainer, loss on the answer only."""

from datasets import Dataset
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

from clinical_dpo.training import Run, complete, load_start, prepare, trainer_arguments


def train_sft(run: Run, train_rows: str, eval_rows: str) -> None:
    """Fine-tune one trial on JSON Lines of prompt / completion messages.

    Raises:
        UserError: a row whose prompt fills max_length or whose answer would be cut to nothing.
    """
    prepared = prepare(run, {"train": train_rows, "eval": eval_rows}, ["completion"])
    lora = run.settings["lora"]
    adapter = LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=list(run.model["lora_targets"]),
        task_type="CAUSAL_LM",
    )
    columns = ("prompt", "completion")
    data = {
        split: Dataset.from_list([{column: row[column] for column in columns} for row in rows])
        for split, rows in prepared.rows.items()
    }
    trainer = SFTTrainer(
        model=load_start(run, run.base),
        args=SFTConfig(completion_only_loss=True, packing=False, **trainer_arguments(run, prepared.checkpoints)),
        train_dataset=data["train"],
        eval_dataset=data["eval"],
        processing_class=prepared.tokenizer,
        peft_config=adapter if run.settings["adapter"] == "lora" else None,
    )
    complete(run, prepared, trainer)
