"""Rules for the keys of a task file that are about labels."""

from collections.abc import Iterator, Mapping
from itertools import combinations, permutations
from typing import Any

from clinical_dpo.comparable import comparable, nfc
from clinical_dpo.errors import UserError
from clinical_dpo.problems import raise_together

POSITIVE_CLASS = ("f1",)  # metrics of the positive class, the first of two labels
ALL_LABELS = ("weighted_f1", "balanced_accuracy")  # metrics that are not in the tables of the positive class
LIKELIHOOD = "likelihood"


def scores_likelihood(task: Mapping[str, Any]) -> bool:
    """Whether the model answers by the probabilities of the labels (`answer_by: likelihood`).

    The answer to an item is then the most probable label. If the task has the key `threshold`, the answer is the
    label that the threshold selects. Without `answer_by: likelihood`, the model writes its answer as text.
    """
    return task.get("answer_by") == LIKELIHOOD


def has_label_tables(task: Mapping[str, Any]) -> bool:
    """Whether a task has the metrics, tables and figures that cover all its labels, such as the confusion table.

    Only tasks with the grader `label` have them. Such a task with more than two labels always has them. Such a task
    with two labels has them if the model answers by probabilities (`scores_likelihood`), if the task file has the key
    `prevalence`, or if the headline metric needs all labels (ALL_LABELS). Any other task with the grader `label` has
    only the metrics of a positive and a negative class.
    """
    return task["grader"] == "label" and (
        len(task["labels"]) > 2
        or scores_likelihood(task)
        or bool(task.get("prevalence"))
        or task["metric"] in ALL_LABELS
    )


def with_composed_labels(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return `labels`, `label_synonyms` and `prevalence` of a task file, with all labels in Unicode form NFC.

    The synonyms of the labels are in form NFC too. A key that the task file lacks is not in the result.
    """
    composed: dict[str, Any] = {}
    if "labels" in task:
        composed["labels"] = list(map(nfc, task["labels"]))
    for key in ("label_synonyms", "prevalence"):
        if key in task:
            composed[key] = {nfc(label): value for label, value in task[key].items()}
    if "label_synonyms" in composed:
        composed["label_synonyms"] = {
            label: list(map(nfc, texts)) for label, texts in composed["label_synonyms"].items()
        }
    return composed


def check_label_keys(task: Mapping[str, Any], where: str) -> None:
    """Refuse a task file whose keys about labels have values that do not fit together.

    Args:
        task: the task's settings.
        where: the task file, with which the message begins.

    Raises:
        UserError: values do not fit together. The message names each key, its value and the correction.
    """
    labels = task.get("labels", [])
    problems = [
        f"{key} names '{unknown}', which is not in labels. Use one of: {', '.join(labels)}."
        for key in ("label_synonyms", "prevalence")
        for unknown in sorted(set(task.get(key, {})) - set(labels))
    ]
    raise_together([UserError(f"{where}: {problem}") for problem in (*problems, *_problems(task, labels))])


def _problems(task: Mapping[str, Any], labels: list[str]) -> Iterator[str]:
    for first, second in combinations(labels, 2):
        if comparable(first) == comparable(second):
            yield f"labels '{first}' and '{second}' differ in case, white space or Unicode form only. Rename one."
    metrics = {key: task[key] for key in ("metric", "selection_metric")}
    if len(labels) > 2:
        for key, value in metrics.items():
            if value in POSITIVE_CLASS:
                yield f"{key} '{value}' is for tasks with two labels, but this task has {len(labels)}. Use 'macro_f1'."
    if task["metric"] == "quadratic_kappa" and not task.get("ordered"):
        yield "metric 'quadratic_kappa' needs ordered labels. Set ordered: true, or use metric 'macro_f1'."
    if task.get("ordered") and len(labels) < 3:
        yield "key 'ordered' needs three labels or more. Add labels, or remove the key."
    if task["metric"] == "auroc" and not scores_likelihood(task):
        yield "metric 'auroc' needs probabilities of the labels. Set answer_by: likelihood, or use metric 'macro_f1'."
    if scores_likelihood(task):
        yield from _likelihood_problems(task, labels)
    elif "threshold" in task:
        yield "key 'threshold' needs probabilities of the labels. Set answer_by: likelihood, or remove the key."
    if task.get("other_label_weights") == "near" and not task.get("ordered"):
        yield "other_label_weights: near needs ordered labels. Set ordered: true, or other_label_weights: uniform."


def _likelihood_problems(task: Mapping[str, Any], labels: list[str]) -> Iterator[str]:
    if task["grader"] != "label":
        yield f"answer_by: likelihood needs grader 'label', but grader is '{task['grader']}'. Set grader: label."
    if "max_thought_tokens" in task:
        yield "key 'max_thought_tokens' has no effect with answer_by: likelihood. Remove the key."
    spellings = [(label, text) for label in labels for text in (label, *task.get("label_synonyms", {}).get(label, ()))]
    owner = {text: label for label, text in spellings}
    for label, text in spellings:
        if owner[text] != label:
            yield f"label_synonyms: '{text}' is a spelling of '{label}' and of '{owner[text]}'. Remove one of them."
    if not task.get("likelihood", {}).get("end_token", True):
        for first, second in permutations(owner, 2):
            if second.startswith(first):
                yield (
                    f"likelihood.end_token is false: '{second}' begins with '{first}', so '{first}' would always be at "
                    "least as probable. Set end_token: true, or change one of the two spellings."
                )
    if "threshold" in task:
        if len(labels) != 2:
            yield f"key 'threshold' is for tasks with two labels, but this task has {len(labels)}. Remove the key."
        if not task["splits"].get("dev"):
            yield "key 'threshold' needs a dev split, because the threshold is chosen on dev. Set splits.dev."
        if (task["threshold"]["rule"] == "sensitivity") != ("at_least" in task["threshold"]):
            yield (
                "threshold.at_least is for rule 'sensitivity' only. With this rule, set at_least. With another rule, "
                "remove at_least."
            )
