"""Fine-tune one trial up to its probe's plateau, or for all steps where no probe is asked for."""

from pathlib import Path

from clinical_dpo.io import read_json
from clinical_dpo.models.load import prepare_process
from clinical_dpo.script import job
from clinical_dpo.training.run import Run
from clinical_dpo.training.sft import train_sft

with job(snakemake) as params:
    prepare_process(snakemake.threads)
    probed = snakemake.input.steps
    steps = read_json(probed)["steps"] if probed else params.settings["max_steps"]
    run = Run(
        base=str(Path(snakemake.input.base).parent),
        model=params.model,
        settings=params.settings,
        steps=steps,
        out=str(Path(snakemake.output.run).parent),
        micro_batch_size=snakemake.resources.micro_batch_size,
        eval_batch_size=snakemake.resources.eval_batch_size,
        checkpoint_steps=snakemake.resources.checkpoint_steps,
        gradient_checkpointing=snakemake.resources.gradient_checkpointing,
    )
    train_sft(run, snakemake.input.train, snakemake.input.eval)
