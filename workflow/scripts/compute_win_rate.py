"""Compute how often raters, or their proxy, preferred DPO's answer to SFT's."""

from pathlib import Path

from clinical_dpo.grading.raters.rating_round import rated, sheet_items
from clinical_dpo.grading.raters.sheets import key_rows
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.script import job
from clinical_dpo.statistics.win_rate import COLUMNS, PROXY, proxy_ratings, win_rates

with job(snakemake) as params:
    given = snakemake.input
    rows = []
    for path in given.verdicts if params.grader == "judge" else given.sheet_keys:
        folder = Path(path).parent.parent
        names = params.task | {"model": folder.name}
        if params.grader == "raters":
            rows += win_rates(*rated(path, Path(params.folder, folder.name)), names)
        elif params.grader == "judge":
            verdicts = read_csv(path)
            rows += win_rates(verdicts, [row for row in verdicts if row["choice"]], names)
        else:
            answers = {variant: str(folder / f"predictions/{variant}.jsonl") for variant in params.variants}
            items = sheet_items("preference", given.test, answers, params.seed)
            known = key_rows(items, "preference", "preference", [PROXY], params.seed)
            rows += win_rates(known, proxy_ratings(items, "preference"), names)
    write_csv(snakemake.output[0], rows, COLUMNS)
