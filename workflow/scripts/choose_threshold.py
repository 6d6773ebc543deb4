"""Choose a variant's threshold: the lowest probability at which an item counts as positive. Use only the dev split."""

from clinical_dpo.script import job
from clinical_dpo.grading.label_threshold import positive_items
from clinical_dpo.io import read_jsonl, write_json
from clinical_dpo.statistics.operating_threshold import choose_threshold

with job(snakemake) as params:
    rows, answers = read_jsonl(snakemake.input.dev), read_jsonl(snakemake.input.answers)
    probabilities, positive = positive_items(rows, answers, params.task["labels"][0])
    rule = params.task["threshold"]
    chosen = choose_threshold(probabilities, positive, rule["rule"], rule.get("at_least"))
    write_json(snakemake.output[0], chosen._asdict())
