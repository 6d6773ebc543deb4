"""Count each pair of label and answer for every variant of a task, and test whether two variants answer differently."""

from clinical_dpo.script import job
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.grouped_grades import read_grouped_grades
from clinical_dpo.statistics.label_tables import CONFUSION_COLUMNS, confusion_table
from clinical_dpo.statistics.symmetry_table import COLUMNS, symmetry_table

with job(snakemake) as params:
    grades, task = read_grouped_grades(snakemake.input.grades, snakemake.input.groups), params.task
    names = {"task": task["name"], "data": task["data"]}
    write_csv(snakemake.output.confusion, confusion_table(grades, task["labels"], names), CONFUSION_COLUMNS)
    write_csv(snakemake.output.symmetry, symmetry_table(grades, task), COLUMNS)
