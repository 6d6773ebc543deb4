"""Answer the questions of a split with one model: the base model, a trial, the best SFT or the best DPO model."""

from pathlib import Path

from clinical_dpo.generation import write_answers
from clinical_dpo.jobs import job
from clinical_dpo.models import prepare_process

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
