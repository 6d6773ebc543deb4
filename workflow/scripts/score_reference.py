"""Score both answers of every pair under the chosen SFT model, once for all trials."""

from clinical_dpo.jobs import job
from clinical_dpo.models import prepare_process
from clinical_dpo.reference import score_reference

with job(snakemake.log[0]):
    prepare_process(snakemake.threads)
    score_reference(
        base=snakemake.input.base,
        sft=snakemake.input.sft,
        model=snakemake.params.model,
        pairs={snakemake.output[split]: snakemake.input[split] for split in ("train", "eval")},
        max_length=snakemake.params.max_length,
        batch_size=snakemake.resources.batch_size,
    )
