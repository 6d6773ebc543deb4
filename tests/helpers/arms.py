"""Tables of a task whose models also have arms."""

from functools import cache

from clinical_dpo.statistics import comparisons, metrics
from clinical_dpo.variants import ARMS
from tests.helpers.figure2 import TASK, graded, label_grades


@cache
def arm_tables():
    """Tables of metrics and of comparisons of the task of `tests.helpers.figure2` with every arm."""
    accuracies = (0.55, 0.95, 0.75)
    grades = graded() | {
        (model, arm): label_grades(f"{model} {arm}", accuracies[number])
        for model in ("llama", "mistral")
        for number, arm in enumerate(ARMS)
    }
    task = TASK | {"seed": 1}
    stats = comparisons.compare_variants(grades, task, alpha=0.05, family="abcde")
    return metrics.task_metrics(grades, task), stats
