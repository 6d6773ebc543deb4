"""Answer the test questions with one variant: the base model, the best SFT or the best DPO model."""

from clinical_dpo.generation import answers_of
from clinical_dpo.jobs import job
from clinical_dpo.models import prepare_process
from clinical_dpo.records import read_jsonl, write_jsonl

with job(snakemake.log[0]):
    prepare_process(snakemake.threads)
    answers = answers_of(
        snakemake.input.base,
        snakemake.input.get("trained"),
        snakemake.params.model,
        read_jsonl(snakemake.input.test),
        snakemake.params.max_new_tokens,
        snakemake.resources.batch_size,
    )
    write_jsonl(snakemake.output[0], answers)
