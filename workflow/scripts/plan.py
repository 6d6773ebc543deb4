"""Write what the run will cost, and what it has cost so far."""

from pathlib import Path

from clinical_dpo.cluster.plan import COLUMNS, DISK_COLUMNS, cost_rows, disk_rows, planned
from clinical_dpo.cluster.plan_text import plan_text
from clinical_dpo.config.loading import load_study
from clinical_dpo.io import replacing, write_csv
from clinical_dpo.script import job

with job(snakemake) as params:
    study = load_study(snakemake.config, Path(params.root))
    reports = Path(study.reports)
    costs = cost_rows(planned(study, params.repeats))
    disk = disk_rows(study, params.repeats)
    write_csv(reports / "plan.csv", costs, COLUMNS)
    write_csv(reports / "plan_disk.csv", disk, DISK_COLUMNS)
    with replacing(reports / "plan.txt") as part:
        part.write_text(plan_text(costs, disk) + "\n", encoding="utf-8")
