"""Compute a task's estimates from the raters' grades, from the judge's grades, and from both together.

The raters grade a sample of the test items, and the judge grades all of them. The estimate from both is the judge's
estimate, corrected by the raters' grades of the sample.
"""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.grading.raters.rating_round import rater_grades
from clinical_dpo.grading.raters.sample import sampled_rows
from clinical_dpo.io import read_csv, read_jsonl, write_csv
from clinical_dpo.paths import parse
from clinical_dpo.statistics.corrected import COLUMNS, corrected_table
from clinical_dpo.statistics.grouped_grades import with_groups

with job(snakemake) as params:
    inputs = snakemake.input
    rows = read_jsonl(inputs.test)
    sample = sampled_rows(rows, params.sample, params.seed)
    adjudication_keys = {parse("key", path)["model"]: path for path in inputs.adjudication_keys}
    raters, judge = {}, {}
    for path in inputs.sheet_keys:
        model = parse("key", path)["model"]
        grades = rater_grades(path, Path(params.folder, model), adjudication_keys.get(model), sample)
        raters |= {(model, variant): graded for variant, graded in grades.items()}
    for path in inputs.verdicts:
        model, verdicts = parse("verdicts", path)["model"], read_csv(path)
        judge |= {(model, variant): judge_grades(verdicts, variant, rows) for variant in params.variants}
    grouped = (with_groups(raters, rows), with_groups(judge, rows))
    write_csv(snakemake.output[0], corrected_table(*grouped, params.task, params.alpha, params.arm_alpha), COLUMNS)
