"""Compare each variant's predicted probabilities with the observed share of events, in bins of the probability.

Variants whose answers have no probabilities are left out.
"""

from clinical_dpo.script import job
from clinical_dpo.io import read_jsonl, write_csv
from clinical_dpo.paths import parse
from clinical_dpo.statistics.grouped_grades import read_grouped_grades
from clinical_dpo.statistics.label_tables import RELIABILITY_COLUMNS, reliability_table

with job(snakemake) as params:
    grades, task = read_grouped_grades(snakemake.input.grades, snakemake.input.groups), params.task
    answers = {
        (of["model"], of["variant"]): read_jsonl(path)
        for path in snakemake.input.answers
        for of in [parse("answers", path)]
    }
    names = {"task": task["name"], "data": task["data"]}
    table = reliability_table(grades, answers, task["labels"], names)
    write_csv(snakemake.output[0], table, RELIABILITY_COLUMNS)
