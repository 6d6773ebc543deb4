from clinical_dpo.cluster.generated_text import refuse_generated
from clinical_dpo.config.column_rules import smallest_cell, subgroups
from clinical_dpo.user_paths import is_pattern, user_path


def without_patterns(path):
    """The path as an input of a rule; an empty list if it has braces, which Snakemake would take for a wildcard.

    Without the input, a change of the file still reruns the rule, because the rule has the file's digest as a param.
    """
    return [] if isinstance(path, str) and is_pattern(path) else path


def source_file(wildcards):
    """Path of the file with a task's records; an empty list if the records come from the hub or a generator."""
    source = study.source(wildcards.task)
    return str(user_path(source["path"])) if source["kind"] == "file" else []


def source_input(wildcards):
    """The file of `source_file` as an input of a job, or an empty list; see `without_patterns`."""
    return without_patterns(source_file(wildcards))


def stop_if_text_would_be_generated():
    """Stop before the first job if generated text would replace missing data and the config does not allow it."""
    due = {job.wildcards.task for job in workflow.dag.needrun_jobs() if job.rule.name == "retrieve_source"}
    try:
        refuse_generated(study, [task for task in study.tasks if task in due])
    except UserError as error:
        stop(str(error))


def split_settings(wildcards):
    """The settings of a job's task file on which its rows and splits depend."""
    names = ("name", "answer_type", "labels", "columns", "prompt", "system_prompt", "splits", "on_shortfall")
    return pick(study.tasks[wildcards.task], *names) | study.over_columns(wildcards.task, "group")


def row_settings(wildcards):
    """The settings of a job's task file on which its rows depend."""
    return pick(study.tasks[wildcards.task], "name", "answer_type", "labels", "columns", "prompt", "system_prompt")


def task_subgroups(wildcards):
    """The subgroups of a job's task."""
    return subgroups(study.over_columns(wildcards.task, "subgroups"))


def generated_rows(wildcards):
    """Number of records that a task's generator makes: the sum of the splits' sizes; 0 for files and hub data sets."""
    return sum(study.tasks[wildcards.task]["splits"].values()) if study.is_synthetic(wildcards.task) else 0
