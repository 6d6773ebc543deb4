"""Let the chosen SFT model answer its own training questions, for pairs that reject what it says."""

from pathlib import Path

from clinical_dpo.inference.generate import write_answers
from clinical_dpo.models.load import prepare_process
from clinical_dpo.script import job

with job(snakemake) as params:
    prepare_process(snakemake.threads)
    write_answers(
        Path(snakemake.input.base).parent,
        Path(snakemake.input.sft).parent,
        params.model,
        {snakemake.output[split]: snakemake.input[split] for split in ("train", "eval")},
        params.max_new_tokens,
        snakemake.resources.batch_size,
        snakemake.output.record,
    )
