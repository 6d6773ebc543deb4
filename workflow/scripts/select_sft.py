"""Score every SFT trial on dev and keep the best."""

from clinical_dpo.jobs import job
from clinical_dpo.selection import select

with job(snakemake.log[0]):
    select(
        base=snakemake.input.base,
        folders=snakemake.input.trials,
        dev=snakemake.input.dev,
        model=snakemake.params.model,
        task=snakemake.params.task,
        threads=snakemake.threads,
        batch_size=snakemake.resources.batch_size,
        table=snakemake.output.table,
        best=snakemake.output.best,
    )
