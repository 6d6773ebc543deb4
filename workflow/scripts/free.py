"""Delete weights that no result needs: those of trials that were not chosen, and those of probes.

The job also writes a text about the deleted weights. The text lists changes of the study that would need these weights
again. If the user makes such a change later, the trials are trained again.
"""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.config.loading import load_study
from clinical_dpo.io import replacing
from clinical_dpo.sweep.freed_weights import free

with job(snakemake) as params:
    study = load_study(snakemake.config, Path(params.root))
    text = free(study)
    with replacing(study.paths("freed")) as part:
        part.write_text(f"{text}\n", encoding="utf-8")
