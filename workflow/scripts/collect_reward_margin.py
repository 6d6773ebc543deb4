"""Gather the reward margins of a task's chosen DPO runs."""

from pathlib import Path

from clinical_dpo.io import read_csv, read_json, write_csv
from clinical_dpo.script import job
from clinical_dpo.statistics.measures import MARGIN_COLUMNS, margin_rows
from clinical_dpo.variants import trial_name

with job(snakemake) as params:
    rows = []
    for best in (Path(path).parent for path in snakemake.input.runs):
        run = read_json(best / "run.json")
        names = params.task | {"model": best.parent.parent.name, "trial": trial_name(run["settings"])}
        rows += margin_rows(read_csv(best / "log.csv"), run["settings"]["beta"], names)
    write_csv(snakemake.output[0], rows, MARGIN_COLUMNS)
