"""Check a task's rows before training. Write the verdicts, the data card, and the prompts as each model reads them."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.data_checks.data_card import data_card
from clinical_dpo.data_checks.prompt_preview import preview_page, preview_rows
from clinical_dpo.data_checks.row_checks import (
    frame_findings,
    named_rows,
    patient_findings,
    row_findings,
    spelling_findings,
    token_findings,
)
from clinical_dpo.data_checks.thresholds import COLUMNS, apply_thresholds
from clinical_dpo.io import read_json, read_jsonl, replacing, write_csv, write_jsonl
from clinical_dpo.tokenization.lengths import measure_lengths
from clinical_dpo.tokenization.tokenizer import load_tokenizer, special_tokens

with job(snakemake) as params:
    task, private = params.task, params.task.get("phi", False)
    splits = {split: read_jsonl(snakemake.input[split]) for split in ("train", "eval", "dev", "test")}
    rows = named_rows(splits, private)
    manifest = read_json(snakemake.input.manifest)
    findings = row_findings(rows, task.get("labels", ())) + patient_findings(manifest.get("patient_columns", []))
    lengths = {}
    with replacing(snakemake.output.prompts) as part:
        part.mkdir()
        for base in (Path(path).parent for path in snakemake.input.models):
            model, tokenizer = base.name, load_tokenizer(base)
            lengths[model] = measure_lengths([named.row for named in rows], tokenizer)
            context = read_json(base / "config.json").get("max_position_embeddings")
            limits = params.limits | ({"context": context} if context else {})
            shown = preview_rows(rows, tokenizer, limits["max_length"], private)
            findings += token_findings(rows, lengths[model], limits, model)
            findings += spelling_findings(rows, special_tokens(tokenizer).values(), model)
            findings += frame_findings(shown, model)
            write_jsonl(part / f"{model}.jsonl", shown)
            (part / f"{model}.md").write_text(preview_page(shown, tokenizer, task["name"], model), encoding="utf-8")
    table = apply_thresholds(findings, params.thresholds, task["name"])
    with replacing(snakemake.output.card) as part:
        part.write_text(data_card(task, manifest, lengths, table), encoding="utf-8")
    write_csv(snakemake.output.table, table, COLUMNS)
