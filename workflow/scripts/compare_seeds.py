"""Compare the variants of every model of a task over several training seeds."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import read_grades
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.training_seeds import COLUMNS, compare_seeds

with job(snakemake) as params:
    rows = compare_seeds(read_grades(snakemake.input), params.task, params.seeds)
    write_csv(snakemake.output[0], rows, COLUMNS)
