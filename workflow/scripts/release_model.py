"""Write a chosen model into a folder that can be published."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.models.load import prepare_process
from clinical_dpo.report.release import write_release

with job(snakemake) as params:
    prepare_process(snakemake.threads, gpus=0)
    folders = [Path(snakemake.input[name]).parent for name in ("trained", "base")]
    facts = {"task": params.task, "model": params.model, "stage": snakemake.wildcards.stage}
    write_release(
        Path(snakemake.output[0]).parent,
        *folders,
        Path(snakemake.input.metrics),
        Path(snakemake.input.manifest),
        facts | {"max_new_tokens": params.max_new_tokens},
        params.merged,
    )
