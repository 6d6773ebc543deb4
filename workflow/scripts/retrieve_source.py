"""Read a task's records from its file, the hub or a generator, and write down where they came from."""

from clinical_dpo.jobs import job
from clinical_dpo.records import write_json, write_jsonl
from clinical_dpo.sources import retrieve

with job(snakemake) as params:
    rows, provenance = retrieve(params.source, seed=params.seed, n=params.rows)
    write_jsonl(snakemake.output.rows, rows)
    write_json(snakemake.output.record, provenance | {"made_with": params.made_with})
