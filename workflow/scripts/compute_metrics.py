"""Compute every metric of every model and variant of a task, with its confidence interval."""

from clinical_dpo.script import job
from clinical_dpo.io import read_jsonl, write_csv
from clinical_dpo.paths import parse
from clinical_dpo.statistics.grouped_grades import read_grouped_grades
from clinical_dpo.statistics.metrics import COLUMNS, task_metrics

with job(snakemake) as params:
    answers = {
        (names["model"], names["variant"]): read_jsonl(path)
        for path in snakemake.input.answers
        for names in [parse("answers", path)]
    }
    table = task_metrics(read_grouped_grades(snakemake.input.grades, snakemake.input.groups), params.task, answers)
    write_csv(snakemake.output[0], table, COLUMNS)
