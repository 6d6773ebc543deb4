"""Gather what other training seeds say of all tasks in one table."""

from clinical_dpo.jobs import job
from clinical_dpo.records import read_csv, write_csv
from clinical_dpo.seed_effects import COLUMNS

with job(snakemake):
    write_csv(snakemake.output[0], [row for path in snakemake.input for row in read_csv(path)], COLUMNS)
