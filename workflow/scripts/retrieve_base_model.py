"""Fetch the pinned snapshot of a base model from the hub."""

from clinical_dpo.jobs import job
from clinical_dpo.snapshots import retrieve_snapshot

with job(snakemake.log[0]):
    model = snakemake.params.model
    retrieve_snapshot(model["id"], model["revision"], snakemake.output[0], model.get("chat_template"))
