"""Compare the variants of every model over several training seeds."""

from clinical_dpo.grading import read_grades
from clinical_dpo.jobs import job
from clinical_dpo.records import write_csv
from clinical_dpo.seed_effects import COLUMNS, compare_seeds

with job(snakemake) as params:
    rows = compare_seeds(read_grades(snakemake.input), params.task, params.seeds)
    write_csv(snakemake.output[0], rows, COLUMNS)
