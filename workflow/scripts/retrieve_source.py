"""Read a task's records from its file, the hub or a generator, and record their origin."""

from clinical_dpo.script import job
from clinical_dpo.data.sources.retrieve import retrieve
from clinical_dpo.io import write_json, write_jsonl

with job(snakemake) as params:
    rows, provenance = retrieve(params.source, seed=params.seed, n=params.rows)
    write_jsonl(snakemake.output.rows, rows)
    write_json(snakemake.output.record, provenance | {"made_with": params.made_with})
