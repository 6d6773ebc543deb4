"""Fetch the pinned snapshot of a base model from the hub."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.models.download import retrieve_snapshot

with job(snakemake) as params:
    model = params.model
    retrieve_snapshot(model["id"], model["revision"], Path(snakemake.output[0]).parent, model.get("chat_template"))
