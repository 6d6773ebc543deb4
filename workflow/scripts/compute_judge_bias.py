"""Check a task's judge for bias, for each model and kind of verdict."""

from clinical_dpo.script import job
from clinical_dpo.grading.raters.rating_round import sheet_items
from clinical_dpo.io import read_csv, read_json, read_jsonl, write_csv
from clinical_dpo.paths import parse
from clinical_dpo.statistics.judge_bias import COLUMNS, judge_bias

with job(snakemake) as params:
    inputs, rows = snakemake.input, []
    answers = {
        (names["model"], names["variant"]): path for path in inputs.answers for names in [parse("answers", path)]
    }
    group_of = {row["id"]: row["group"] for row in read_jsonl(inputs.test) if "group" in row}
    for verdicts, record, controls in zip(inputs.verdicts, inputs.records, inputs.controls, strict=True):
        names = parse("verdicts", verdicts)
        model, kind = names["model"], names["judged"]
        shown = {variant: answers[model, variant] for variant in params.variants[kind]}
        items = sheet_items("preference" if kind == "preference" else "correctness", inputs.test, shown, params.seed)
        rows += judge_bias(
            kind,
            items,
            read_csv(verdicts),
            read_csv(controls),
            read_json(record),
            {model: params.contestants[model]},
            params.task | {"model": model},
            group_of,
        )
    write_csv(snakemake.output[0], rows, COLUMNS)
