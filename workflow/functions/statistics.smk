from clinical_dpo.config.metrics import metric_module
from clinical_dpo.config.raters import PREFERENCE_VARIANTS


def task_metric(wildcards):
    """Name of the module that computes the metric of a job's task."""
    return metric_module(task_facts(wildcards))
