"""Turn a task's records into prompts with answers and draw its splits."""

from clinical_dpo.script import job
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.splits import split
from clinical_dpo.data.tally import Tally
from clinical_dpo.endpoints.generated_fields.fields import marked, texts_report, with_texts
from clinical_dpo.io import read_json, read_jsonl, sha256, write_json, write_jsonl

with job(snakemake) as params:
    task, provenance = params.task, read_json(snakemake.input.record)
    del provenance["made_with"]
    texts = dict(zip(params.texts, map(read_jsonl, snakemake.input.texts), strict=True))
    generated = provenance["data"] == "synthetic"
    where = snakemake.input.rows
    records = with_texts(read_jsonl(where), texts, task.get("columns", {}), generated, where)
    repairs = Tally()
    rows = marked(task_rows(records, task, provenance, repairs), texts)
    sizes = {name: task["splits"].get(name, 0) for name in ("train", "eval", "dev", "test")}
    splits, report = split(
        rows, sizes, params.seed, stratify=task["answer_type"] == "label", on_shortfall=task["on_shortfall"]
    )
    for name, part in splits.items():
        write_jsonl(snakemake.output[name], part)
    digests = {name: sha256(snakemake.output[name]) for name in splits}
    made = {"source": provenance, "repairs": repairs.record(), "texts": texts_report(texts)}
    write_json(snakemake.output.manifest, {**made, **report, "sha256": digests, "made_with": params.made_with})
