"""Grade one variant's test answers automatically."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import COLUMNS, grade_answers
from clinical_dpo.grading.label_threshold import at_threshold
from clinical_dpo.io import read_json, read_jsonl, write_csv

with job(snakemake) as params:
    task = params.task
    rows, answers = read_jsonl(snakemake.input.test), read_jsonl(snakemake.input.answers)
    if threshold := snakemake.input.threshold:
        answers = at_threshold(answers, task["labels"], read_json(threshold)["value"])
    write_csv(snakemake.output[0], grade_answers(rows, answers, task, task["grader"]), COLUMNS)
