"""Let an endpoint's model write a generated field of a task's records."""

from clinical_dpo.script import job
from clinical_dpo.config.endpoints import endpoint_named
from clinical_dpo.endpoints.generated_fields.by_endpoint import texts_of_endpoint
from clinical_dpo.endpoints.generated_fields.fields import text_prompts, written_texts
from clinical_dpo.io import read_json, read_jsonl, write_jsonl

with job(snakemake) as params:
    text, source = params.text, snakemake.input.rows
    # The endpoint is read from the config and not from params. Otherwise a change of its pace or price would rerun
    # this rule and ask the endpoint again.
    endpoint = endpoint_named(snakemake.wildcards.endpoint, snakemake.config["endpoints"], "endpoint")
    asked_about = dict(zip(text["asks_about"], map(read_jsonl, snakemake.input.texts), strict=True))
    generated = read_json(snakemake.input.record)["data"] == "synthetic"
    rows = text_prompts(read_jsonl(source), asked_about, snakemake.wildcards.field, text, generated, source)
    answers = texts_of_endpoint(
        endpoint, rows, text["max_new_tokens"], text["prompt"], params.replies, bool(snakemake.resources.private)
    )
    writer = {"written_by": f"endpoint {endpoint.name}", "base_url": endpoint.base_url}
    write_jsonl(snakemake.output[0], written_texts(rows, answers, writer, text["prompt"], source))
