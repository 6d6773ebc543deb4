"""What the schema of a task file cannot say: which of its values go together, and which keys something uses."""

from collections.abc import Collection, Mapping
from typing import Any

from clinical_dpo.config.judges import judged_sheets
from clinical_dpo.config.metrics import METRICS
from clinical_dpo.config.raters import rated_sheets
from clinical_dpo.errors import UserError

FITTING: dict[str, dict[str, tuple[str, ...]]] = {  # key of a task file -> answer_type -> values that make sense
    "rejected_source": {
        "label": ("other_label", "field", "sft_prediction"),
        "answer": ("random_distractor", "field", "sft_prediction"),
        "text": ("field", "random_distractor", "sft_prediction"),
    },
    "selection_metric": {"label": ("f1", "exact"), "answer": ("exact", "rouge_l"), "text": ("rouge_l", "exact")},
    "grader": {
        "label": ("label", "exact", "physicians"),
        "answer": ("exact", "physicians", "judge"),
        "text": ("judge", "rouge_likert", "rouge_l", "evasiveness"),
    },
}


def check_fit(task: Mapping[str, Any], where: str) -> None:
    """Raise UserError naming `where` and a value that does not go with the task's others."""
    for key, per_answer_type in FITTING.items():
        fitting = per_answer_type[task["answer_type"]]
        if task[key] not in fitting:
            raise UserError(
                f"{where}: {key} {task[key]} does not go with answer_type {task['answer_type']}. "
                f"Fitting: {', '.join(fitting)}."
            )
    metric = METRICS[task["metric"]]
    if task["grader"] not in metric.graders:
        raise UserError(
            f"{where}: metric {task['metric']} cannot be computed from grader {task['grader']}. "
            f"Fitting graders: {', '.join(metric.graders)}."
        )
    if task["paired_test"] != metric.test:
        raise UserError(
            f"{where}: paired_test {task['paired_test']} does not go with metric {task['metric']}. Take {metric.test}."
        )
    if "helpfulness" in task.get("tables", ()) and task["grader"] != "evasiveness":
        raise UserError(f"{where}: table helpfulness needs grader evasiveness, this task's is {task['grader']}.")
    unknown = set(task.get("label_synonyms", {})) - set(task.get("labels", []))
    if unknown:
        raise UserError(f"{where}: label_synonyms names '{sorted(unknown)[0]}', which is not one of labels.")


def check_used(task: Mapping[str, Any], given: Collection[str], where: str) -> None:
    """Refuse a key that would do nothing.

    Args:
        task: the task's settings, which `check_fit` has passed.
        given: the keys to look at. Where a run overrides settings these are its own: it cannot take a key away that
            the task file needs without them.
        where: begins the message.

    Raises:
        UserError: the key, and what would use it.
    """
    tables, sheets = task.get("tables", ()), rated_sheets(task)
    users = {  # key -> whether something uses it, what would
        "judge": (judged_sheets(task, sheets), "grader judge, preference_grader judge, or a sheet for raters"),
        "raters": (sheets, "answer_type answer, grader physicians, or table win_rate"),
        "adjudicator": ("adjudication" in sheets, "raters who say right or wrong"),
        "preference_grader": ("win_rate" in tables, "table win_rate"),
        "rouge_stemmer": ("rouge" in tables, "table rouge"),
    }
    for key, (used, user) in users.items():
        if key in given and not used:
            raise UserError(f"{where}: key '{key}' does nothing without {user}. Add that, or leave '{key}' out.")
