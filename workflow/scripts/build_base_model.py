"""Pre-train a tiny base model."""

from pathlib import Path

from clinical_dpo.jobs import job
from clinical_dpo.models import BASE_RECORD, prepare_process
from clinical_dpo.pretraining import build_tiny_model
from clinical_dpo.records import replacing, sha256, write_json

with job(snakemake.log[0]):
    prepare_process(snakemake.threads)
    settings = snakemake.params.model
    with replacing(snakemake.output[0]) as part:
        facts = build_tiny_model(settings["architecture"], settings["pretraining"], snakemake.params.seed, part)
        write_json(part / "run.json", facts)
        weights = sha256(part / "model.safetensors")
        name = Path(snakemake.output[0]).name
        write_json(part / BASE_RECORD, {"source": "pretrain", "id": name, "revision": weights})
