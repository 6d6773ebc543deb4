"""Fetch the files of a base model from the hub, at the commit that the model file names."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.models.chat_template import ChatFormat
from clinical_dpo.models.download import retrieve_snapshot

with job(snakemake) as params:
    model = params.model
    chat = ChatFormat(model.get("chat_template"), model.get("chat_template_kwargs", {}), params.date)
    retrieve_snapshot(model["id"], model["revision"], Path(snakemake.output[0]).parent, chat, params.made_with)
