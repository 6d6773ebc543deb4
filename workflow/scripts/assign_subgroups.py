"""Assign a task's test items to the levels of its subgroups."""

from clinical_dpo.script import job
from clinical_dpo.data.columns import refuse_unread
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.splits import distinct
from clinical_dpo.data.subgroups import COLUMNS, subgroup_columns, subgroup_rows
from clinical_dpo.endpoints.generated_fields.fields import with_texts
from clinical_dpo.io import read_json, read_jsonl, write_csv

with job(snakemake) as params:
    task, provenance = params.task, read_json(snakemake.input.record)
    texts = dict(zip(params.texts, map(read_jsonl, snakemake.input.texts), strict=True))
    generated, source = provenance["data"] == "synthetic", snakemake.input.rows
    records = with_texts(read_jsonl(source), texts, task.get("columns", {}), generated, source)
    rows = task_rows(records, task, provenance)
    record_of = {id(row): record for row, record in zip(rows, records, strict=True)}
    kept = {row["id"]: record_of[id(row)] for row in distinct(rows)[0]}
    refuse_unread(provenance, subgroup_columns(params.subgroups))
    test = [row["id"] for row in read_jsonl(snakemake.input.test)]
    write_csv(snakemake.output[0], subgroup_rows([(name, kept[name]) for name in test], params.subgroups), COLUMNS)
