"""Take a stage's only trial as its best."""

from clinical_dpo.jobs import job
from clinical_dpo.trials import keep_only

with job(snakemake.log[0]):
    keep_only(snakemake.input[0], snakemake.output.table, snakemake.output.best)
