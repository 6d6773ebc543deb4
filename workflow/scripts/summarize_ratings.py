"""Compute the agreement of a task's raters, and count each rater's pending items on every sheet."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import key_with_ratings
from clinical_dpo.grading.raters.ratings import PENDING_COLUMNS, pending_ratings
from clinical_dpo.io import read_csv, read_jsonl, write_csv
from clinical_dpo.paths import parse
from clinical_dpo.statistics.agreement import COLUMNS, agreement, judge_agreement

with job(snakemake) as params:
    agreements, pending = [], []
    judged = {tuple(parse("verdicts", path).values()): path for path in snakemake.input.verdicts}
    test = snakemake.input.groups
    group_of = {row["id"]: row["group"] for row in read_jsonl(str(test))} if test else None
    for key in snakemake.input.sheet_keys:
        task, model, sheet = parse("key", key).values()
        names = params.task | {"model": model}
        rows, ratings = key_with_ratings(key, Path(params.folder, model))
        agreements += agreement(rows, ratings, names, group_of)
        if verdicts := judged.get((task, model, sheet)):
            agreements += judge_agreement(rows, ratings, read_csv(verdicts), names, group_of)
        pending += [{"task": names["task"], "model": model} | row for row in pending_ratings(rows, ratings)]
    write_csv(snakemake.output.agreement, agreements, COLUMNS)
    write_csv(snakemake.output.pending_ratings, pending, ("task", "model", *PENDING_COLUMNS))
