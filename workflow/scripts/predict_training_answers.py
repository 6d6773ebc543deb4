"""Let the chosen SFT model answer its own training questions, for pairs that reject what it says."""

from clinical_dpo.generation import answers_of
from clinical_dpo.jobs import job
from clinical_dpo.models import prepare_process
from clinical_dpo.records import read_jsonl, write_jsonl

with job(snakemake.log[0]):
    prepare_process(snakemake.threads)
    for split in ("train", "eval"):
        answers = answers_of(
            snakemake.input.base,
            snakemake.input.sft,
            snakemake.params.model,
            read_jsonl(snakemake.input[split]),
            snakemake.params.max_new_tokens,
            snakemake.resources.batch_size,
        )
        write_jsonl(snakemake.output[split], answers)
