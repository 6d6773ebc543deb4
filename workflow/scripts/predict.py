"""Write one model's answers to the prompts of one or more splits.

The model is the base model or a trained model. A trained model comes from one trial of a sweep, from the chosen trial,
or from a further training with the chosen trial's settings and another seed.
"""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.inference.answers_file import write_answers
from clinical_dpo.models.load import prepare_process

with job(snakemake) as params:
    prepare_process(snakemake.threads, snakemake.resources.get("gpu"))
    trained = snakemake.input.get("trained")
    answers = {name: file for name, file in snakemake.output.items() if name != "record"}
    settings = {name: value for name, value in params.made_with.items() if name != "model"}
    write_answers(
        Path(snakemake.input.base).parent,
        Path(trained).parent if trained else None,
        params.model,
        {file: snakemake.input[split] for split, file in answers.items()},
        settings,
        snakemake.resources.batch_size,
        snakemake.output.record,
    )
