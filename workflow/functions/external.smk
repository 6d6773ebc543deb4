import re

from clinical_dpo.config.external import table_path
from clinical_dpo.config.judges import GRADED, graded_by_judge
from clinical_dpo.data.sources.files import OPTIONS as FILE_OPTIONS
from clinical_dpo.grading.grade import grader_module


wildcard_constraints:
    external="|".join({re.escape(name) for task in study.tasks for name in study.externals(task)}) or "(?!)",


def external_settings(wildcards):
    """The settings of a job's answers from elsewhere."""
    return study.tasks[wildcards.task]["external_predictions"][wildcards.external]


def external_table(wildcards):
    """The table that holds them."""
    return str(table_path(external_settings(wildcards)))


def task_grader(wildcards):
    """The module that grades a job's task automatically, if one does."""
    return grader_module(study.tasks[wildcards.task]["grader"])


def brings_grades(wildcards):
    """Whether grades came with answers from elsewhere."""
    return "grade" in external_settings(wildcards)["columns"]


def external_verdicts(wildcards):
    """A judge's verdicts on answers from elsewhere, where it is to grade them."""
    task = study.tasks[wildcards.task]
    if brings_grades(wildcards) or not graded_by_judge(task):
        return []
    return at("verdicts", wildcards, model=wildcards.external, judged=GRADED[task["metric"]])
