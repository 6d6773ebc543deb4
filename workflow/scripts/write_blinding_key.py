"""Write down which answer of a sheet is whose: what no rater may see."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import open_items, sheet_items
from clinical_dpo.grading.raters.secret import kept_secret
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, key_rows
from clinical_dpo.io import write_csv

with job(snakemake) as params:
    given, sheet, key = snakemake.input, snakemake.wildcards.sheet, Path(snakemake.output[0])
    answers = {variant: given[variant] for variant in params.variants}
    items = sheet_items(params.kind, given.test, answers, params.seed)
    only = open_items(given.key, params.folder) if given.get("key") else None
    # The secret is no output: Snakemake deletes outputs before a job runs again, and copies those marked `update` to a
    # folder that other users can enter. So the sheets that raters hold stay as they are however often this job runs.
    secret = kept_secret(key.with_suffix(".secret"))
    rows = key_rows(items, sheet, params.kind, params.raters, secret, only=only)
    write_csv(key, rows, KEY_COLUMNS, private=True)
