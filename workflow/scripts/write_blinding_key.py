"""Write the blinding key of a sheet. The key names the variant of every answer, so no rater may see it."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import items_to_adjudicate, sheet_items
from clinical_dpo.grading.raters.secret import read_or_create_secret
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, key_rows
from clinical_dpo.io import write_csv

with job(snakemake) as params:
    inputs, sheet, key = snakemake.input, snakemake.wildcards.sheet, Path(snakemake.output[0])
    answers = {variant: inputs[variant] for variant in params.variants}
    items = sheet_items(params.kind, inputs.test, answers, params.seed, params.sample, params.rubric)
    only = items_to_adjudicate(inputs.key, params.folder) if inputs.get("key") else None
    # With a saved secret, a later run writes the same sheet that raters already have. The secret is not an output,
    # because Snakemake deletes outputs before a job runs again, and copies outputs marked `update` to a folder that
    # other users can enter.
    secret = read_or_create_secret(key.with_suffix(".secret"))
    rows = key_rows(items, sheet, params.kind, params.raters, secret, only=only)
    write_csv(key, rows, KEY_COLUMNS, private=True)
