"""Compute ROUGE of every model and variant of a task, and compare the variants."""

from clinical_dpo.script import job
from clinical_dpo.io import read_jsonl, write_csv
from clinical_dpo.paths import parse
from clinical_dpo.statistics.rouge_scores import COLUMNS, rouge_rows

with job(snakemake) as params:
    test = read_jsonl(snakemake.input.test)
    answers = {}
    for path in snakemake.input.answers:
        names = parse("answers", path)
        answers.setdefault(names["model"], {})[names["variant"]] = read_jsonl(path)
    rows = []
    for model, by_variant in answers.items():
        names = params.task | {"model": model}
        rows += rouge_rows(test, by_variant, names, stemmer=params.stemmer, seed=params.seed)
    write_csv(snakemake.output[0], rows, COLUMNS)
