"""Grade another model's answers as the trained variants' are, or take the grades that came with them."""

from clinical_dpo.external import EXTERNAL, given_grades
from clinical_dpo.grading import COLUMNS, grade_answers
from clinical_dpo.jobs import job
from clinical_dpo.judging.grades import judge_grades
from clinical_dpo.records import read_csv, read_jsonl, write_csv

with job(snakemake) as params:
    given, task = snakemake.input, params.task
    test, answers = read_jsonl(given.test), read_jsonl(given.answers)
    if params.given:
        rows = given_grades(answers)
    elif given.verdicts:
        rows = judge_grades(read_csv(given.verdicts), EXTERNAL, test)
    else:
        rows = grade_answers(test, answers, task, task["grader"])
    write_csv(snakemake.output[0], rows, COLUMNS)
