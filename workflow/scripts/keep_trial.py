"""Put the chosen trial's files in one place."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.sweep.trials import keep

with job(snakemake) as params:
    folders = {path.parent.parent.name: path.parent for path in map(Path, snakemake.input.trials)}
    keep(folders[params.trial], Path(snakemake.output.weights).parent)
