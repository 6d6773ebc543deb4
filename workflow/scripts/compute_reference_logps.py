"""Compute the chosen SFT model's log-probabilities of both answers of every pair, once for all DPO trials."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.io import write_json
from clinical_dpo.models.load import device_name, prepare_process
from clinical_dpo.training.reference_logps import compute_reference_logps

with job(snakemake) as params:
    prepare_process(snakemake.threads, snakemake.resources.get("gpu"))
    times = compute_reference_logps(
        base=Path(snakemake.input.base).parent,
        sft=Path(snakemake.input.sft).parent,
        model=params.model,
        pairs={snakemake.output[split]: snakemake.input[split] for split in ("train", "eval")},
        max_length=params.max_length,
        batch_size=snakemake.resources.batch_size,
    )
    write_json(snakemake.output.record, {"made_with": params.made_with, "device": device_name(), **times})
