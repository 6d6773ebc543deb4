"""Write one rater's blinded sheet as an HTML page, CSV, Excel workbook and Label Studio tasks."""

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import sheet_items, why_nothing_to_adjudicate
from clinical_dpo.grading.raters.sheet_files import NOTHING, write_sheet
from clinical_dpo.grading.raters.sheets import read_blinding_key, sheet_rows

with job(snakemake) as params:
    inputs = snakemake.input
    sheet, rater = snakemake.wildcards.sheet, snakemake.wildcards.rater
    answers = {variant: inputs[variant] for variant in params.variants}
    items = sheet_items(params.kind, inputs.test, answers, params.seed, rubric=params.rubric)
    rows = sheet_rows(items, read_blinding_key(inputs.key), rater)
    stem = snakemake.output[0].removesuffix(".html")
    empty = why_nothing_to_adjudicate(inputs.raters_key, params.folder) if inputs.raters_key else NOTHING
    write_sheet(stem, rows, sheet, params.kind, rater, params.instructions, empty, params.anchors)
