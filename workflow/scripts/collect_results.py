"""Gather all tasks' metrics and comparisons in one table each."""

from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.script import job
from clinical_dpo.statistics.comparisons import with_holm

with job(snakemake):
    for name, finish in (("metrics", list), ("stats", with_holm)):
        rows = finish([row for path in snakemake.input[name] for row in read_csv(path)])
        write_csv(snakemake.output[name], rows, list(rows[0]))
