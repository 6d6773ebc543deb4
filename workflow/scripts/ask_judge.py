"""Ask a task's judge for its verdicts, or record that they are pending."""

import sys
from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.config.endpoints import endpoint_named
from clinical_dpo.grading.judge.judge import COLUMNS, judge_items, warnings
from clinical_dpo.grading.raters.rating_round import sheet_items
from clinical_dpo.io import write_csv, write_json

with job(snakemake) as params:
    inputs, output = snakemake.input, snakemake.output
    kind = snakemake.wildcards.judged
    answers = {variant: inputs[variant] for variant in params.variants}
    items = sheet_items("preference" if kind == "preference" else "correctness", inputs.test, answers, params.seed)
    # The file of replies is not an output, because Snakemake deletes the outputs of a job that fails.
    replies = Path(output.record).with_suffix(".replies.jsonl")
    # The endpoint is read from the config. As a param, a change of its pace or price would ask the judge again.
    endpoint = endpoint_named(params.judge["name"], snakemake.config["endpoints"], "judge")
    private = bool(snakemake.resources.private)
    verdicts, record = judge_items(kind, items, endpoint, replies, private, params.refusals, anchors=params.anchors)
    sys.stderr.writelines(f"{line}\n" for line in warnings(record))
    write_csv(output.verdicts, verdicts, COLUMNS)
    write_json(output.record, record | {"round": params.round})
