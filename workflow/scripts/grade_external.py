"""Write the grades of external predictions: from their table if it has grades, else from the task's grader or judge."""

from clinical_dpo.script import job
from clinical_dpo.grading.external import imported_grades
from clinical_dpo.grading.grade import COLUMNS, grade_answers
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.io import read_csv, read_jsonl, write_csv
from clinical_dpo.variants import EXTERNAL

with job(snakemake) as params:
    inputs, task = snakemake.input, params.task
    test, answers = read_jsonl(inputs.test), read_jsonl(inputs.answers)
    if params.has_grades:
        rows = imported_grades(answers)
    elif inputs.verdicts:
        rows = judge_grades(read_csv(inputs.verdicts), EXTERNAL, test)
    else:
        rows = grade_answers(test, answers, task, task["grader"])
    write_csv(snakemake.output[0], rows, COLUMNS)
