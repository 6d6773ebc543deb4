"""Score every trial of a stage on dev and keep the best."""

from clinical_dpo.jobs import job
from clinical_dpo.models import prepare_process
from clinical_dpo.selection import select

with job(snakemake.log[0]):
    prepare_process(snakemake.threads)
    select(
        base=snakemake.input.base,
        folders=snakemake.input.trials,
        dev=snakemake.input.dev,
        model=snakemake.params.model,
        task=snakemake.params.task,
        batch_size=snakemake.resources.batch_size,
        table=snakemake.output.table,
        best=snakemake.output.best,
    )
