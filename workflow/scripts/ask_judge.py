"""Ask a task's judge (a language model) for its verdicts. Verdicts that it does not give in this job stay pending."""

import sys

from clinical_dpo.script import job
from clinical_dpo.grading.judge.judge import COLUMNS, judge_items, warnings
from clinical_dpo.grading.judge.round import judge_round
from clinical_dpo.io import write_csv, write_json

with job(snakemake) as params:
    own = {"anchors": params.anchors, "rubric": params.rubric}
    verdicts, record = judge_items(*judge_round(snakemake, params), params.refusals, **own)
    sys.stderr.writelines(f"{line}\n" for line in warnings(record))
    write_csv(snakemake.output.verdicts, verdicts, COLUMNS)
    write_json(snakemake.output.record, record | {"round": params.round})
