"""Ask a task's judge for the controls of its verdicts, or record that they are pending."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.config.endpoints import endpoint_named
from clinical_dpo.grading.judge.controls import COLUMNS, ask_controls
from clinical_dpo.grading.raters.rating_round import sheet_items
from clinical_dpo.io import write_csv, write_json

with job(snakemake) as params:
    inputs, output = snakemake.input, snakemake.output
    kind = snakemake.wildcards.judged
    answers = {variant: inputs[variant] for variant in params.variants}
    items = sheet_items("preference" if kind == "preference" else "correctness", inputs.test, answers, params.seed)
    # As in ask_judge: the replies are not an output, and the pace of the endpoint is not a param.
    replies = Path(output.record).with_suffix(".replies.jsonl")
    endpoint = endpoint_named(params.judge["name"], snakemake.config["endpoints"], "judge")
    rows, record = ask_controls(kind, items, endpoint, replies, bool(snakemake.resources.private), params.anchors)
    write_csv(output.controls, rows, COLUMNS)
    write_json(output.record, record | {"round": params.round})
