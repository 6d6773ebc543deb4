"""Train the chosen trial again with another training seed."""

from clinical_dpo.script import job
from clinical_dpo.models.load import prepare_process
from clinical_dpo.training.extra_seeds import reseeded_settings
from clinical_dpo.training.job import train_stage

with job(snakemake) as params:
    prepare_process(snakemake.threads, snakemake.resources.get("gpu"))
    settings, steps = reseeded_settings(snakemake.input.chosen, int(snakemake.wildcards.seed))
    train_stage(snakemake, params, settings, steps)
