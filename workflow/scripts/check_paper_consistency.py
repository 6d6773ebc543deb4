"""Check the papers' printed numbers for consistency with each other."""

from clinical_dpo.script import job
from clinical_dpo.io import write_csv
from clinical_dpo.papers.consistency import COLUMNS, check
from clinical_dpo.papers.published import load_published

with job(snakemake):
    write_csv(snakemake.output[0], check(load_published(snakemake.input[0])), COLUMNS)
