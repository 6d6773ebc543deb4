"""Train one trial up to its probe's plateau, or for all steps if the task has no probe."""

from clinical_dpo.script import job
from clinical_dpo.io import read_json
from clinical_dpo.models.load import prepare_process
from clinical_dpo.training.job import train_stage

with job(snakemake) as params:
    prepare_process(snakemake.threads, snakemake.resources.get("gpu"))
    plateau = snakemake.input.plateau
    steps = read_json(plateau)["steps"] if plateau else params.settings["max_steps"]
    train_stage(snakemake, params, params.settings, steps)
