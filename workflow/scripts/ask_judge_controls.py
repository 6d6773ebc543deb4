"""Ask a task's judge (a language model) about controls, which show whether its verdicts can be trusted.

Verdicts that the judge does not give in this job stay pending.
"""

from clinical_dpo.script import job
from clinical_dpo.grading.judge.controls import COLUMNS, ask_controls
from clinical_dpo.grading.judge.round import judge_round
from clinical_dpo.io import write_csv, write_json

with job(snakemake) as params:
    rows, record = ask_controls(*judge_round(snakemake, params), params.anchors, params.rubric)
    write_csv(snakemake.output.controls, rows, COLUMNS)
    write_json(snakemake.output.record, record | {"round": params.round})
