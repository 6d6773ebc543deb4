"""Compute a task's headline metrics and decisions under several rules for unreadable answers."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.statistics.grouped_grades import read_grouped_grades
from clinical_dpo.statistics.unreadable import COLUMNS, vary_unreadable

with job(snakemake) as params:
    grades = read_grouped_grades(snakemake.input.grades, snakemake.input.groups)
    trivial = read_csv(snakemake.input.trivial) if snakemake.input.trivial else []
    rows = vary_unreadable(grades, params.task, params.margin, params.alpha, params.arm_alpha, trivial)
    write_csv(snakemake.output[0], rows, COLUMNS)
