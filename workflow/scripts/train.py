"""Train one trial.

The number of steps is one of three: the step of the plateau of the eval loss, the number of steps of the chosen DPO
run, or all configured steps.
"""

from clinical_dpo.script import job
from clinical_dpo.io import read_json
from clinical_dpo.models.load import prepare_process
from clinical_dpo.training.job import train_stage

with job(snakemake) as params:
    prepare_process(snakemake.threads, snakemake.resources.get("gpu"))
    file = snakemake.input.plateau or snakemake.input.matched_run
    steps = read_json(file)["steps"] if file else params.settings["max_steps"]
    train_stage(snakemake, params, params.settings, steps)
