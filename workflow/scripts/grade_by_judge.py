"""Grade every variant's test answers by the judge's verdicts."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.io import read_csv, read_jsonl, write_csv
from clinical_dpo.variants import VARIANTS

with job(snakemake):
    rows, verdicts = read_jsonl(snakemake.input.test), read_csv(snakemake.input.verdicts)
    for variant in VARIANTS:
        write_csv(snakemake.output[variant], judge_grades(verdicts, variant, rows), COLUMNS)
