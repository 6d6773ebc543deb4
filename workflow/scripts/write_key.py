"""Write down which answer of a sheet is whose: what no rater may see."""

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import open_items, sheet_items
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, key_rows
from clinical_dpo.io import write_csv

with job(snakemake) as params:
    given, sheet = snakemake.input, snakemake.wildcards.sheet
    answers = {variant: given[variant] for variant in params.variants}
    items = sheet_items(params.kind, given.test, answers, params.seed)
    only = open_items(given.key, params.folder) if given.get("key") else None
    rows = key_rows(items, sheet, params.kind, params.raters, params.seed, only=only)
    write_csv(snakemake.output[0], rows, KEY_COLUMNS)
