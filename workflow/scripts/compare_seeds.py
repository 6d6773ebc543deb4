"""Compare the variants of every model of a task over several training seeds."""

from clinical_dpo.script import job
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.grouped_grades import read_grouped_grades
from clinical_dpo.statistics.training_seeds import COLUMNS, compare_seeds

with job(snakemake) as params:
    rows = compare_seeds(read_grouped_grades(snakemake.input.grades, snakemake.input.groups), params.task, params.seeds)
    write_csv(snakemake.output[0], rows, COLUMNS)
