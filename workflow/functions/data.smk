from clinical_dpo.config.column_rules import smallest_cell, subgroups


def source_file(wildcards):
    """The file that a task is read from; an empty list for a task from the hub or a generator."""
    source = study.source(wildcards.task)
    return os.path.expandvars(source["path"]) if source["kind"] == "file" else []


def split_settings(wildcards):
    """Settings of a job's task file that make its rows and draw its splits."""
    names = ("name", "answer_type", "labels", "columns", "prompt", "system_prompt", "splits", "on_shortfall")
    return pick(study.tasks[wildcards.task], *names) | study.over_columns(wildcards.task, "group")


def row_settings(wildcards):
    """Settings of a job's task file that make its rows."""
    return pick(study.tasks[wildcards.task], "name", "answer_type", "labels", "columns", "prompt", "system_prompt")


def task_subgroups(wildcards):
    """The subgroups of a job's task."""
    return subgroups(study.over_columns(wildcards.task, "subgroups"))


def generated_rows(wildcards):
    """Number of records that a task's generator makes; 0 for a file or a hub data set, for any sizes of the splits."""
    return sum(study.tasks[wildcards.task]["splits"].values()) if study.is_synthetic(wildcards.task) else 0
