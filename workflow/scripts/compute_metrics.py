"""Compute every metric of every model and variant of a task, with its interval."""

from clinical_dpo.grading import read_grades
from clinical_dpo.jobs import job
from clinical_dpo.metrics import COLUMNS, task_metrics
from clinical_dpo.records import write_csv

with job(snakemake) as params:
    write_csv(snakemake.output[0], task_metrics(read_grades(snakemake.input), params.task), COLUMNS)
