"""Collect the reward margins of the best DPO run of every model of a task.

A reward margin is the reward of the chosen answer minus the reward of the rejected answer.
"""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, read_json, write_csv
from clinical_dpo.paths import parse, trial_name
from clinical_dpo.statistics.reward_margin import COLUMNS, margin_rows

with job(snakemake) as params:
    rows = []
    for path, log in zip(snakemake.input.runs, snakemake.input.logs, strict=True):
        run = read_json(path)
        names = params.task | {"model": parse("best_run", path)["model"], "trial": trial_name(run["settings"])}
        rows += margin_rows(read_csv(log), run["settings"]["beta"], names)
    write_csv(snakemake.output[0], rows, COLUMNS)
