"""Write the run's expected cost, its cost so far, and the test items that its margins need."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.cluster.generated_text import generated_tasks
from clinical_dpo.cluster.item_plan import COLUMNS as ITEM_COLUMNS
from clinical_dpo.cluster.item_plan import item_rows, item_text
from clinical_dpo.cluster.plan import COLUMNS, DISK_COLUMNS, cost_rows, disk_rows, planned_work
from clinical_dpo.cluster.plan_text import plan_text
from clinical_dpo.config.loading import load_study
from clinical_dpo.io import replacing, write_csv

with job(snakemake) as params:
    study = load_study(snakemake.config, Path(params.root))
    costs, disk = cost_rows(planned_work(study)), disk_rows(study)
    write_csv(study.paths("plan_table", table="plan"), costs, COLUMNS)
    write_csv(study.paths("plan_table", table="plan_disk"), disk, DISK_COLUMNS)
    items = item_rows(study)
    write_csv(study.paths("plan_table", table="plan_items"), items, ITEM_COLUMNS)
    with replacing(study.paths("plan")) as part:
        part.write_text(f"{plan_text(costs, disk, generated_tasks(study))}\n\n{item_text(items)}\n", encoding="utf-8")
