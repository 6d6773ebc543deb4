"""Join the tables of one kind from all tasks into one table. The joined table has every column of every table."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.statistics.comparisons import with_holm

with job(snakemake):
    rows = [row for path in snakemake.input for row in read_csv(path)]
    if snakemake.wildcards.table == "stats":
        rows = with_holm(rows)
    write_csv(snakemake.output[0], rows, list(dict.fromkeys(column for row in rows for column in row)))
