"""Fine-tune one trial for all steps, and keep the curve its plateau is read from."""

from pathlib import Path

from clinical_dpo.models.load import prepare_process
from clinical_dpo.script import job
from clinical_dpo.training.run import Run
from clinical_dpo.training.sft import train_sft

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
    train_sft(run, snakemake.input.train, snakemake.input.eval)
