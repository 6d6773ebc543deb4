"""Arguments of TRL's trainers that SFT and DPO share."""

from pathlib import Path
from typing import Any

from clinical_dpo.models.load import device, mixed_precision
from clinical_dpo.training.checkpoints import last_checkpoint, reduced_micro_batch
from clinical_dpo.training.settings import Run

NEVER = 10**9  # `eval_steps` of a run that is evaluated only at its end


def trainer_arguments(run: Run, checkpoints: Path) -> dict[str, Any]:
    """Keyword arguments that TRL's SFTConfig and DPOConfig share.

    Every option whose default affects results is set here.

    Args:
        run: settings of the training.
        checkpoints: the run's checkpoint folder.
    """
    settings = run.settings
    on_gpu = device().type == "cuda"
    rows = settings["batch_size"] if run.micro_batch_tokens else run.micro_batch_size
    micro_batch = rows if run.micro_batch_tokens else reduced_micro_batch(rows, checkpoints, settings["batch_size"])
    return {
        "output_dir": str(checkpoints),
        **({"num_train_epochs": settings["epochs"]} if run.steps is None else {"max_steps": run.steps}),
        "learning_rate": settings["learning_rate"],
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": settings["batch_size"] // micro_batch,
        "per_device_eval_batch_size": run.eval_batch_size,
        "max_length": settings["max_length"],
        "truncation_mode": "keep_start",
        "lr_scheduler_type": settings["lr_scheduler_type"],
        "warmup_steps": settings["warmup_steps"],
        "optim": settings["optimizer"],
        "weight_decay": settings["weight_decay"],
        "max_grad_norm": settings["max_grad_norm"],
        "gradient_checkpointing": run.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "bf16": mixed_precision(run.model),
        "eval_strategy": "steps",  # the trainer evaluates at the last step in any case
        "eval_steps": settings["eval_steps"] or NEVER,
        # A run that resumes from a checkpoint has already been evaluated at its start.
        "eval_on_start": bool(settings["eval_steps"]) and last_checkpoint(checkpoints) is None,
        "include_num_input_tokens_seen": "non_padding",  # TRL's own count restarts at a checkpoint
        "logging_steps": settings["logging_steps"],
        "save_strategy": "steps",
        "save_steps": run.save_steps,
        "save_total_limit": 1,
        "seed": settings["seed"],
        "data_seed": settings["seed"],
        "report_to": "none",
        "trust_remote_code": False,
        "disable_tqdm": True,
        "use_cpu": not on_gpu,
        "dataloader_pin_memory": on_gpu,
    }
