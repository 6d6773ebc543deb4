"""Let a configured model write a generated field of a task's records."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.endpoints.generated_fields.by_model import texts_of_model
from clinical_dpo.endpoints.generated_fields.fields import text_prompts, written_texts
from clinical_dpo.io import read_json, read_jsonl, write_jsonl
from clinical_dpo.models.load import base_record, prepare_process

with job(snakemake) as params:
    prepare_process(snakemake.threads, snakemake.resources.get("gpu"))
    text, source, base = params.text, snakemake.input.rows, Path(snakemake.input.base).parent
    asked_about = dict(zip(text["asks_about"], map(read_jsonl, snakemake.input.texts), strict=True))
    generated = read_json(snakemake.input.record)["data"] == "synthetic"
    rows = text_prompts(read_jsonl(source), asked_about, snakemake.wildcards.field, text, generated, source)
    answers = texts_of_model(base, params.model, rows, text["max_new_tokens"], snakemake.resources.batch_size, source)
    record = base_record(base)
    writer = {"written_by": f"model {snakemake.wildcards.model}", "model": record["id"], "revision": record["revision"]}
    write_jsonl(snakemake.output[0], written_texts(rows, answers, writer, text["prompt"], source))
