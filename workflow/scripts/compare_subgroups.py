"""Compute headline metrics, and their differences between variants, in subgroups of a task's test items."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.statistics.grouped_grades import read_grouped_grades
from clinical_dpo.statistics.subgroups import COLUMNS, subgroup_table

with job(snakemake) as params:
    grades = read_grouped_grades(snakemake.input.grades, snakemake.input.groups)
    rows = subgroup_table(grades, read_csv(snakemake.input.subgroups), params.task, params.smallest)
    write_csv(snakemake.output[0], rows, COLUMNS)
