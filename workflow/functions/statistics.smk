from clinical_dpo.config.metrics import metric_module
from clinical_dpo.config.raters import PREFERENCE_VARIANTS


def grouped_test(wildcards):
    """File of the test split, which has the group of each item; an empty list for a task without groups."""
    return at("split", wildcards, split="test") if study.over_columns(wildcards.task, "group") else []


def task_metric(wildcards):
    """Name of the module that computes the metrics of a job's task."""
    return metric_module(task_facts(wildcards))


def metric_facts(wildcards):
    """The settings of a job's task on which its table of metrics depends."""
    return display.metric_facts(study, wildcards.task)


def label_facts(wildcards):
    """Name, labels and data of a job's task, for its tables of labels."""
    return pick(task_facts(wildcards), "name", "labels", "data")
