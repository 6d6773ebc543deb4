"""Write one rater's blinded sheet: a page for the browser, CSV, Excel and tasks for Label Studio."""

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import sheet_items
from clinical_dpo.grading.raters.sheet_files import write_sheet
from clinical_dpo.grading.raters.sheets import read_blinding_key, sheet_rows

with job(snakemake) as params:
    given = snakemake.input
    sheet, rater = snakemake.wildcards.sheet, snakemake.wildcards.rater
    answers = {variant: given[variant] for variant in params.variants}
    items = sheet_items(params.kind, given.test, answers, params.seed)
    rows = sheet_rows(items, read_blinding_key(given.key), rater)
    write_sheet(snakemake.output[0].removesuffix(".html"), rows, sheet, params.kind, rater, params.instructions)
