"""Compute every metric of every model and variant of a task, with its interval."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import read_grades
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.metrics import COLUMNS, task_metrics

with job(snakemake) as params:
    write_csv(snakemake.output[0], task_metrics(read_grades(snakemake.input), params.task), COLUMNS)
