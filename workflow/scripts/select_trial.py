"""Fill the stage's `best` folder with links to the weights of the chosen trial and with copies of its records."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.paths import parse
from clinical_dpo.sweep.best_folder import write_best_folder

with job(snakemake) as params:
    folders = {parse("adapter", path)["trial"]: Path(path).parent for path in snakemake.input.trials}
    write_best_folder(folders[params.trial], Path(snakemake.output.weights).parent)
