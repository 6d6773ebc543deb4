"""Train one trial for all configured steps, and record its eval losses. A later job finds the plateau in the losses."""

from clinical_dpo.script import job
from clinical_dpo.models.load import prepare_process
from clinical_dpo.training.job import train_stage

with job(snakemake) as params:
    prepare_process(snakemake.threads, snakemake.resources.get("gpu"))
    train_stage(snakemake, params, params.settings, params.settings["max_steps"], probe=True)
