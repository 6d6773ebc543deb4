"""Make the folder of a base model from links to files in a user's folder."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.models.chat_template import ChatFormat
from clinical_dpo.models.download import link_folder

with job(snakemake) as params:
    model = params.model
    chat = ChatFormat(model.get("chat_template"), model.get("chat_template_kwargs", {}), params.date)
    link_folder(model["path"], Path(snakemake.output[0]).parent, params.files, chat, params.made_with)
