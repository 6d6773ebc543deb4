"""Train one trial.

If the stage has probes, training ends at the step at which the probe's eval loss flattens (the plateau). If the input
has a `matched_run` (the chosen DPO run), training takes as many steps as this run. Otherwise training takes `max_steps`
steps, or the steps of all epochs if `max_steps` is null.
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
