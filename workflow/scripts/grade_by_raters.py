"""Turn raters' ratings into grades of the variants' test answers. The adjudicator decides where raters disagree."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.grading.raters.rating_round import rater_grades
from clinical_dpo.grading.raters.sample import sampled_rows
from clinical_dpo.io import read_jsonl, write_csv

with job(snakemake) as params:
    inputs = snakemake.input
    rows = sampled_rows(read_jsonl(inputs.test), params.sample, params.seed)
    outputs = dict(snakemake.output.items()) or {snakemake.wildcards.variant: snakemake.output[0]}
    graded = rater_grades(inputs.key, params.folder, inputs.adjudication_key or None, rows)
    for variant, grades in outputs.items():
        write_csv(grades, graded[variant], COLUMNS)
