"""Write the plan of a run.

The plan has the expected cost, the cost so far, the disk space, the calls to judges, and the number of test items that
each task needs.
"""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.cluster.disk_plan import DISK_COLUMNS, disk_rows
from clinical_dpo.cluster.generated_text import generated_tasks
from clinical_dpo.cluster.item_plan import COLUMNS as ITEM_COLUMNS
from clinical_dpo.cluster.item_plan import item_rows, item_text
from clinical_dpo.cluster.job_times import plan_errors
from clinical_dpo.cluster.judge_plan import COLUMNS as JUDGE_COLUMNS
from clinical_dpo.cluster.judge_plan import judge_rows, judge_text
from clinical_dpo.cluster.plan import COLUMNS, cost_rows, finished_jobs
from clinical_dpo.cluster.plan_text import plan_text
from clinical_dpo.config.loading import load_study
from clinical_dpo.io import replacing, write_csv

with job(snakemake) as params:
    study = load_study(snakemake.config, Path(params.root))
    costs, disk = cost_rows(study), disk_rows(study)
    errors = plan_errors(finished_jobs(study))
    write_csv(study.paths("plan_table", table="plan"), costs, COLUMNS)
    write_csv(study.paths("plan_table", table="plan_disk"), disk, DISK_COLUMNS)
    items = item_rows(study)
    write_csv(study.paths("plan_table", table="plan_items"), items, ITEM_COLUMNS)
    judged = judge_rows(study)
    write_csv(study.paths("plan_table", table="plan_judge"), judged, JUDGE_COLUMNS)
    with replacing(study.paths("plan")) as part:
        text = plan_text(costs, disk, generated_tasks(study), errors)
        texts = [text, judge_text(judged), item_text(items)]
        part.write_text("\n\n".join(filter(None, texts)) + "\n", encoding="utf-8")
