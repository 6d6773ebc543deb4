"""Pre-train a tiny base model."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.checksums import BASE_RECORD, write_checksums
from clinical_dpo.io import replacing, sha256, write_json
from clinical_dpo.models.load import RUN_RECORD, prepare_process
from clinical_dpo.models.tiny.pretraining import build_tiny_model

with job(snakemake) as params:
    prepare_process(snakemake.threads, snakemake.resources.get("gpu"))
    settings = params.model
    folder = Path(snakemake.output[0]).parent
    with replacing(folder) as part:
        facts = build_tiny_model(settings["architecture"], settings["pretraining"], params.seed, part)
        write_json(part / RUN_RECORD, facts | {"made_with": params.made_with})
        weights = sha256(part / "model.safetensors")
        write_json(part / BASE_RECORD, {"source": "pretrain", "id": folder.name, "revision": weights})
        write_checksums(part, {"model.safetensors": weights}, without=[RUN_RECORD])
