"""Grade every variant's test answers by the raters' ratings, or by the adjudicator's ratings if raters disagree."""

from clinical_dpo.script import job
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.grading.raters.rating_round import key_with_ratings
from clinical_dpo.grading.raters.ratings import final_grades, variant_grades
from clinical_dpo.io import read_jsonl, write_csv

with job(snakemake) as params:
    inputs, folder = snakemake.input, params.folder
    rows = read_jsonl(inputs.test)
    adjudications = key_with_ratings(inputs.adjudication_key, folder)[1] if inputs.adjudication_key else None
    finals = final_grades(*key_with_ratings(inputs.key, folder), adjudications)
    outputs = dict(snakemake.output.items()) or {snakemake.wildcards.variant: snakemake.output[0]}
    for variant, grades in outputs.items():
        write_csv(grades, variant_grades(finals, variant, rows), COLUMNS)
