"""For a task with labels, compare every variant with trivial answers. Trivial answers need no model."""

from clinical_dpo.script import job
from clinical_dpo.io import read_jsonl, write_csv
from clinical_dpo.statistics.grouped_grades import read_grouped_grades
from clinical_dpo.statistics.trivial import columns_of, compare_trivial

with job(snakemake) as params:
    training_labels = [row["label"] for row in read_jsonl(snakemake.input.train, ["label"])]
    grades = read_grouped_grades(snakemake.input.grades, snakemake.input.groups)
    rows = compare_trivial(grades, training_labels, params.task, params.alpha)
    write_csv(snakemake.output[0], rows, columns_of(params.task))
