"""Measure how far a task's raters agree, and write down who still owes how many items of which sheet."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import rated
from clinical_dpo.grading.raters.ratings import PENDING_COLUMNS, pending_ratings
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.paths import parse
from clinical_dpo.statistics.agreement import COLUMNS, agreement, judge_agreement

with job(snakemake) as params:
    agreed, pending = [], []
    judged = {tuple(parse("verdicts", path).values()): path for path in snakemake.input.verdicts}
    for key in snakemake.input.sheet_keys:
        task, model, sheet = parse("key", key).values()
        names = params.task | {"model": model}
        rows, ratings = rated(key, Path(params.folder, model))
        agreed += agreement(rows, ratings, names)
        if verdicts := judged.get((task, model, sheet)):
            agreed += judge_agreement(rows, ratings, read_csv(verdicts), names)
        pending += [{"task": names["task"], "model": model} | row for row in pending_ratings(rows, ratings)]
    write_csv(snakemake.output.agreement, agreed, COLUMNS)
    write_csv(snakemake.output.pending_ratings, pending, ("task", "model", *PENDING_COLUMNS))
