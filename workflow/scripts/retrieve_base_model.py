"""Fetch the pinned snapshot of a base model from the hub."""

from clinical_dpo.jobs import job
from clinical_dpo.models import retrieve_snapshot

with job(snakemake.log[0]):
    retrieve_snapshot(**snakemake.params.model, out=snakemake.output[0])
