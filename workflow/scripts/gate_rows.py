"""Measure a task's rows with one model, and end here where today's limits stop them; what trains waits for this."""

import json
from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.data_checks.gate_measures import gate_measures, gate_verdicts
from clinical_dpo.data_checks.row_checks import places
from clinical_dpo.data_checks.thresholds import refuse_stopped
from clinical_dpo.io import read_json, read_jsonl, write_json
from clinical_dpo.tokenization.tokenizer import load_tokenizer, without_torch

with job(snakemake):
    without_torch()
    today, base = json.loads(snakemake.resources.limits), Path(snakemake.input.base).parent
    # Rows are called by their place, since ids may tell who they are.
    rows = places({split: read_jsonl(snakemake.input[split]) for split in ("train", "eval", "dev", "test")}, True)
    context = read_json(base / "config.json").get("max_position_embeddings")
    measures = gate_measures(rows, load_tokenizer(base), today["labels"], context)
    table = gate_verdicts(measures, today["limits"], today["thresholds"], snakemake.wildcards.task)
    refuse_stopped(table, f"{snakemake.wildcards.task} with {snakemake.wildcards.model}")
    write_json(snakemake.output[0], measures)
