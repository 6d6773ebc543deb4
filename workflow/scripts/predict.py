"""Answer the questions of splits with one model: the base model, a trial, or the chosen SFT or DPO model."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.inference.generate import write_answers
from clinical_dpo.models.load import prepare_process

with job(snakemake) as params:
    prepare_process(snakemake.threads)
    trained = snakemake.input.get("trained")
    answers = {name: file for name, file in snakemake.output.items() if name != "record"}
    write_answers(
        Path(snakemake.input.base).parent,
        Path(trained).parent if trained else None,
        params.model,
        {file: snakemake.input[split] for split, file in answers.items()},
        params.max_new_tokens,
        snakemake.resources.batch_size,
        snakemake.output.record,
    )
