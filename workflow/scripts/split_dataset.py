"""Convert a task's records to rows (prompts with reference answers), and draw the task's splits."""

from clinical_dpo.script import job
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.splits import split
from clinical_dpo.data.tally import Tally
from clinical_dpo.data_checks.patient_columns import patient_columns
from clinical_dpo.endpoints.generated_fields.fields import texts_report, with_texts, with_writers
from clinical_dpo.io import read_json, read_jsonl, sha256, write_json, write_jsonl

with job(snakemake) as params:
    task, provenance = params.task, read_json(snakemake.input.record)
    del provenance["made_with"]
    texts = dict(zip(params.texts, map(read_jsonl, snakemake.input.texts), strict=True))
    generated = provenance["data"] == "synthetic"
    source = snakemake.input.rows
    records = with_texts(read_jsonl(source), texts, task.get("columns", {}), generated, source)
    repairs = Tally()
    rows = with_writers(task_rows(records, task, provenance, repairs), texts)
    sizes = {name: task["splits"].get(name, 0) for name in ("train", "eval", "dev", "test")}
    splits, report = split(
        rows, sizes, params.seed, stratify=task["answer_type"] == "label", on_shortfall=task["on_shortfall"]
    )
    if "group" not in task:
        record_of = {id(row): record for row, record in zip(rows, records, strict=True)}
        report["patient_columns"] = patient_columns(
            {name: [record_of[id(row)] for row in part] for name, part in splits.items()}
        )
    for name, split_rows in splits.items():
        write_jsonl(snakemake.output[name], split_rows)
    digests = {name: sha256(snakemake.output[name]) for name in splits}
    origin = {"source": provenance, "repairs": repairs.record(), "texts": texts_report(texts)}
    write_json(snakemake.output.manifest, {**origin, **report, "sha256": digests, "made_with": params.made_with})
