"""Gather what other training seeds say of all tasks in one table."""

from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.script import job
from clinical_dpo.statistics.training_seeds import COLUMNS

with job(snakemake):
    write_csv(snakemake.output[0], [row for path in snakemake.input for row in read_csv(path)], COLUMNS)
