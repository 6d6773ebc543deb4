"""Grade every variant's test answers by the judge's verdicts."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.io import read_csv, read_jsonl, write_csv

with job(snakemake):
    rows, verdicts = read_jsonl(snakemake.input.test), read_csv(snakemake.input.verdicts)
    for variant, grades in snakemake.output.items():
        write_csv(grades, judge_grades(verdicts, variant, rows), COLUMNS)
