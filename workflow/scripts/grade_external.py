"""Grade another model's answers as the trained variants' are, or take the grades that came with them."""

from clinical_dpo.script import job
from clinical_dpo.grading.external import imported_grades
from clinical_dpo.grading.grade import COLUMNS, grade_answers
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.io import read_csv, read_jsonl, write_csv
from clinical_dpo.variants import EXTERNAL

with job(snakemake) as params:
    given, task = snakemake.input, params.task
    test, answers = read_jsonl(given.test), read_jsonl(given.answers)
    if params.given:
        rows = imported_grades(answers)
    elif given.verdicts:
        rows = judge_grades(read_csv(given.verdicts), EXTERNAL, test)
    else:
        rows = grade_answers(test, answers, task, task["grader"])
    write_csv(snakemake.output[0], rows, COLUMNS)
