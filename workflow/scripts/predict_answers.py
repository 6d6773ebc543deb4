"""Answer the questions of a split with one model: the base model, a trial, the best SFT or the best DPO model."""

from pathlib import Path

from clinical_dpo.inference.generate import write_answers
from clinical_dpo.models.load import prepare_process
from clinical_dpo.script import job

with job(snakemake) as params:
    prepare_process(snakemake.threads)
    trained = snakemake.input.get("trained")
    write_answers(
        Path(snakemake.input.base).parent,
        Path(trained).parent if trained else None,
        params.model,
        {snakemake.output.answers: snakemake.input.rows},
        params.max_new_tokens,
        snakemake.resources.batch_size,
        snakemake.output.record,
    )
