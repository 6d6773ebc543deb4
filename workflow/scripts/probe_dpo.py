"""Optimize preferences in one trial for all steps, and keep the curve its plateau is read from."""

from pathlib import Path

from clinical_dpo.models.load import prepare_process
from clinical_dpo.script import job
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.run import Run

with job(snakemake) as params:
    prepare_process(snakemake.threads)
    run = Run(
        base=str(Path(snakemake.input.base).parent),
        model=params.model,
        settings=params.settings,
        steps=params.settings["max_steps"],
        out=str(Path(snakemake.output.run).parent),
        micro_batch_size=snakemake.resources.micro_batch_size,
        eval_batch_size=snakemake.resources.eval_batch_size,
        checkpoint_steps=snakemake.resources.checkpoint_steps,
        gradient_checkpointing=snakemake.resources.gradient_checkpointing,
        probe=True,
    )
    names = ("train", "eval", "train_reference", "eval_reference")
    train_dpo(run, *(snakemake.input[name] for name in names), str(Path(snakemake.input.sft).parent))
