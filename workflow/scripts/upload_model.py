"""Upload the folder of a chosen model to the hub."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.io import write_json
from clinical_dpo.report.upload import upload_release

with job(snakemake) as params:
    folder = Path(snakemake.input[0]).parent
    record = upload_release(folder, params.repository, params.visibility, params.task)
    write_json(Path(snakemake.output[0]), record)
