"""Decide for each comparison of a task whether the difference between two variants matters.

The difference is compared with the task's margin. A sentence states each decision.
"""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.decision_sentences import prices, with_sentences
from clinical_dpo.statistics.decisions import COLUMNS, decisions
from clinical_dpo.statistics.grouped_grades import read_grouped_grades

with job(snakemake) as params:
    trivial = read_csv(snakemake.input.trivial) if snakemake.input.trivial else []
    corrected = read_csv(snakemake.input.corrected) if snakemake.input.corrected else []
    stats = read_csv(snakemake.input.stats)
    grades = read_grouped_grades(snakemake.input.grades, snakemake.input.groups)
    rows = decisions(stats, grades, params.task, params.margin, trivial, corrected)
    price = prices(snakemake.input.runs, snakemake.input.references)
    rows = with_sentences(rows, price, params.recorded, trivial, headline=params.task["metric"], stats=stats)
    write_csv(snakemake.output[0], rows, COLUMNS)
