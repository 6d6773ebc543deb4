"""Grade every variant's test answers by what the judge said."""

from clinical_dpo.config import VARIANTS
from clinical_dpo.grading import COLUMNS
from clinical_dpo.jobs import job
from clinical_dpo.judging.grades import judge_grades
from clinical_dpo.records import read_csv, read_jsonl, write_csv

with job(snakemake):
    rows, verdicts = read_jsonl(snakemake.input.test), read_csv(snakemake.input.verdicts)
    for variant in VARIANTS:
        write_csv(snakemake.output[variant], judge_grades(verdicts, variant, rows), COLUMNS)
