import re

from clinical_dpo.config.external import table_path
from clinical_dpo.config.judges import VERDICT_KINDS, graded_by_judge
from clinical_dpo.data.sources.files import OPTIONS as FILE_OPTIONS
from clinical_dpo.grading.grade import grader_module


wildcard_constraints:
    external="|".join({re.escape(name) for task in study.tasks for name in study.externals(task)}) or "(?!)",


def external_settings(wildcards):
    """Settings of a job's external predictions."""
    return study.tasks[wildcards.task]["external_predictions"][wildcards.external]


def external_table(wildcards):
    """Path of the table of a job's external predictions."""
    return str(table_path(external_settings(wildcards)))


def external_input(wildcards):
    """The file of `external_table` as an input of a job, or an empty list; see `without_patterns`."""
    return without_patterns(external_table(wildcards))


def task_grader(wildcards):
    """Name of the module that grades a job's task automatically; None if there is no such module."""
    return grader_module(study.tasks[wildcards.task]["grader"])


def has_grades(wildcards):
    """Whether the table of a job's external predictions has a column of grades."""
    return "grade" in external_settings(wildcards)["columns"]


def external_verdicts(wildcards):
    """The file of the judge's verdicts on external predictions; an empty list if the judge does not grade them."""
    task = study.tasks[wildcards.task]
    if has_grades(wildcards) or not graded_by_judge(task):
        return []
    return at("verdicts", wildcards, model=wildcards.external, judged=VERDICT_KINDS[task["metric"]])
