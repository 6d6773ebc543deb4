"""Turn the judge's verdicts into grades of the variants' test answers."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.io import read_csv, read_jsonl, write_csv

with job(snakemake):
    rows, verdicts = read_jsonl(snakemake.input.test), read_csv(snakemake.input.verdicts)
    outputs = dict(snakemake.output.items()) or {snakemake.wildcards.variant: snakemake.output[0]}
    for variant, grades in outputs.items():
        write_csv(grades, judge_grades(verdicts, variant, rows), COLUMNS)
