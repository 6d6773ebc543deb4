"""Score every trial of a stage on the dev split, and mark the trial that is chosen."""

from clinical_dpo.script import job
from clinical_dpo.io import write_csv
from clinical_dpo.sweep.selection import COLUMNS, scored_trials

with job(snakemake) as params:
    inputs, selection = snakemake.input, params.selection
    table = scored_trials(selection["trials"], inputs.logs, selection["task"], inputs.dev, inputs.answers)
    write_csv(snakemake.output[0], table, COLUMNS)
