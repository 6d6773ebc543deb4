"""Compute how often raters, the judge or a proxy prefer DPO's answer to SFT's answer."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import key_with_ratings, sheet_items
from clinical_dpo.grading.raters.sheets import key_rows
from clinical_dpo.io import read_csv, read_jsonl, write_csv
from clinical_dpo.paths import parse
from clinical_dpo.statistics.win_rate import COLUMNS, PROXY, proxy_ratings, win_rates

with job(snakemake) as params:
    inputs = snakemake.input
    answers = {
        (names["model"], names["variant"]): path for path in inputs.answers for names in [parse("answers", path)]
    }
    group_of = {row["id"]: row["group"] for row in read_jsonl(inputs.test) if "group" in row}
    rows = []
    for path in inputs.verdicts if params.grader == "judge" else inputs.sheet_keys:
        model = parse("verdicts" if params.grader == "judge" else "key", path)["model"]
        names = params.task | {"model": model}
        if params.grader == "raters":
            rows += win_rates(*key_with_ratings(path, Path(params.folder, model)), names, group_of=group_of)
        elif params.grader == "judge":
            verdicts = read_csv(path)
            rows += win_rates(verdicts, [row for row in verdicts if row["choice"]], names, group_of=group_of)
        else:
            compared = {variant: answers[model, variant] for variant in params.variants}
            items = sheet_items("preference", inputs.test, compared, params.seed)
            key = key_rows(items, "preference", "preference", [PROXY], secret="")  # a proxy sees no sides
            rows += win_rates(key, proxy_ratings(items, "preference"), names, group_of=group_of)
    write_csv(snakemake.output[0], rows, COLUMNS)
