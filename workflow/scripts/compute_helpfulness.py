"""Compute the Helpfulness Quotient of every model and variant of a task."""

from clinical_dpo.script import job
from clinical_dpo.grading.evasiveness import VERSION
from clinical_dpo.grading.grade import read_grades
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.statistics.helpfulness import COLUMNS, helpfulness_rows

with job(snakemake):
    inputs = snakemake.input
    rows = helpfulness_rows(read_csv(inputs.metrics), read_csv(inputs.stats), read_grades(inputs.grades), VERSION)
    write_csv(snakemake.output[0], rows, COLUMNS)
