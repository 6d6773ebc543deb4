"""Optimize preferences in the chosen trial again, with another seed."""

from pathlib import Path

from clinical_dpo.models.load import prepare_process
from clinical_dpo.script import job
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.extra_seeds import repeat_of

with job(snakemake) as params:
    prepare_process(snakemake.threads)
    run = repeat_of(
        snakemake.input.chosen,
        int(snakemake.wildcards.seed),
        base=str(Path(snakemake.input.base).parent),
        model=params.model,
        out=str(Path(snakemake.output.run).parent),
        micro_batch_size=snakemake.resources.micro_batch_size,
        eval_batch_size=snakemake.resources.eval_batch_size,
        checkpoint_steps=snakemake.resources.checkpoint_steps,
        gradient_checkpointing=snakemake.resources.gradient_checkpointing,
    )
    names = ("train", "eval", "train_reference", "eval_reference")
    train_dpo(run, *(snakemake.input[name] for name in names), str(Path(snakemake.input.sft).parent))
