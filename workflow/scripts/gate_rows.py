"""Check a task's rows for one model, with the model's tokenizer and context length.

Each check counts rows of one kind, such as prompts that repeat an earlier prompt. The job fails if the share of these
rows is above the check's threshold `stop`. Jobs that train the model or answer with it wait for this job.
"""

import json
from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.data_checks.gate_measures import gate_verdicts, measure_files
from clinical_dpo.data_checks.thresholds import refuse_stopped
from clinical_dpo.io import write_json

with job(snakemake):
    gate, base = json.loads(snakemake.resources.limits), Path(snakemake.input.base).parent
    files = {split: snakemake.input[split] for split in ("train", "eval", "dev", "test")}
    measures = measure_files(files, snakemake.input.manifest, base, gate["labels"], gate["code"])
    table = gate_verdicts(measures, gate["limits"], gate["thresholds"], snakemake.wildcards.task)
    refuse_stopped(table, f"{snakemake.wildcards.task} with {snakemake.wildcards.model}")
    write_json(snakemake.output[0], measures)
