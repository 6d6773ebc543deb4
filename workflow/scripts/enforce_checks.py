"""Fail if a check of a task's rows has the verdict `stop`. Otherwise write the numbers of checks and of warnings."""

from clinical_dpo.script import job
from clinical_dpo.data_checks.thresholds import refuse_stopped
from clinical_dpo.io import read_csv, replacing

with job(snakemake):
    table = read_csv(snakemake.input[0])
    refuse_stopped(table, snakemake.input[0])
    warnings = sum(row["verdict"] == "warn" for row in table)
    with replacing(snakemake.output[0]) as part:
        part.write_text(f"{len(table)} checks, {warnings} warnings\n")
