"""Compute headline metrics and decisions of a task under other rules for unreadable answers."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import read_grades
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.unreadable import COLUMNS, vary_unreadable

with job(snakemake) as params:
    rows = vary_unreadable(read_grades(snakemake.input), params.task, params.margin, params.alpha, params.arm_alpha)
    write_csv(snakemake.output[0], rows, COLUMNS)
