"""Rules of a task file that a schema cannot express: which values go together, and which keys need another key."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from clinical_dpo.comparable import comparable
from clinical_dpo.config.judges import judged_sheets
from clinical_dpo.config.label_rules import scores_likelihood
from clinical_dpo.config.metrics import METRICS
from clinical_dpo.config.raters import rated_sheets
from clinical_dpo.errors import UserError
from clinical_dpo.problems import raise_together

VALID_VALUES: dict[str, dict[str, tuple[str, ...]]] = {  # key of a task file -> answer_type -> valid values
    "rejected_source": {
        "label": ("other_label", "field", "sft_prediction"),
        "answer": ("random_distractor", "field", "sft_prediction"),
        "text": ("field", "random_distractor", "sft_prediction"),
    },
    "selection_metric": {  # the first value is the default
        "label": ("macro_f1", "balanced_accuracy", "f1", "exact"),
        "answer": ("exact", "rouge_l"),
        "text": ("rouge_l", "exact"),
    },
    "grader": {
        "label": ("label", "exact", "physicians"),
        "answer": ("exact", "physicians", "judge"),
        "text": ("judge", "physicians", "rouge_likert", "rouge_l", "evasiveness"),
    },
}


def default_selection_metric(answer_type: str) -> str:
    """The metric by which a trial is selected if the task file names none."""
    return VALID_VALUES["selection_metric"][answer_type][0]


def check_fit(task: Mapping[str, Any], where: str) -> None:
    """Refuse values of a task file that do not go together.

    Args:
        task: the task's settings.
        where: the task file, with which the message begins.

    Raises:
        UserError: values do not go together. The message names each key, its value and the valid values.
    """
    raise_together([UserError(f"{where}: {problem}") for problem in _misfits(task)])


def _misfits(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each value that does not go with the other values. The message states the correction."""
    for key, per_answer_type in VALID_VALUES.items():
        valid = per_answer_type[task["answer_type"]]
        if task[key] not in valid:
            yield f"{key} '{task[key]}' does not go with answer_type '{task['answer_type']}'. Use {_choice(valid)}."
    metric = METRICS[task["metric"]]
    if task["grader"] not in metric.graders:
        yield (
            f"metric '{task['metric']}' cannot be computed from the grades of grader '{task['grader']}'. Use grader "
            f"{_choice(metric.graders)}."
        )
    if task["paired_test"] != metric.test:
        yield f"paired_test '{task['paired_test']}' does not go with metric '{task['metric']}'. Use '{metric.test}'."
    yield from _rubric_misfits(task)
    if "helpfulness" in task.get("tables", ()) and task["grader"] != "evasiveness":
        yield (
            f"table 'helpfulness' needs grader 'evasiveness', but grader is '{task['grader']}'. Set grader: "
            "evasiveness, or remove the table."
        )


def _choice(values: Iterable[str]) -> str:
    """Join valid values for a message, each in quotes: `'a' or 'b'`."""
    return " or ".join(f"'{value}'" for value in values)


def _rubric_misfits(task: Mapping[str, Any]) -> Iterator[str]:
    """Check a task's settings of a rubric for faults that the schema cannot find. Yield a message for each fault."""
    if task["metric"] == "rubric" and "rubric" not in task:
        yield "metric 'rubric' needs key 'rubric', a list of items with weights. Add this key, or use another metric."
    if "rubric" in task and task["answer_type"] != "text":
        yield f"key 'rubric' does not go with answer_type '{task['answer_type']}'. Use 'text', or remove the key."
    first: dict[str, int] = {}
    for number, criterion in enumerate(task.get("rubric", ()), start=1):
        text = comparable(criterion["item"])
        if text in first:
            yield f"key 'rubric', item {number}: '{criterion['item']}' equals item {first[text]}. Remove one of them."
        first.setdefault(text, number)


def check_used(task: Mapping[str, Any], keys: Collection[str], where: str) -> None:
    """Refuse a key that has no effect.

    Args:
        task: the task's settings.
        keys: the keys to check. These are all keys of the task file or, if the config overrides settings of the task,
            only the overridden keys. An override can make another key of the task file useless, but cannot remove it.
        where: the task file, or the config's key with the overrides. The message begins with it.

    Raises:
        UserError: a key has no effect. The message names the key, and the settings that would use it.
    """
    tables, sheets = task.get("tables", ()), rated_sheets(task)
    labelled, several = task["grader"] == "label", len(task.get("labels", ())) > 2
    users = {  # key -> (whether the key has an effect, settings that would use the key)
        "judge": (judged_sheets(task, sheets), "grader judge, preference_grader judge, or a sheet for raters"),
        "judge_refusals": (judged_sheets(task, sheets), "a judge"),
        "raters": (
            sheets,
            "one of these: answer_type answer; grader physicians; grader judge with metric likert or rubric; table "
            "win_rate",
        ),
        "anchors": (
            "likert" in sheets or "likert" in judged_sheets(task, sheets),
            "metric likert with grader physicians or judge",
        ),
        "rubric": (task["metric"] == "rubric", "metric rubric"),
        "adjudicator": ("adjudication" in sheets, "raters who grade answers as right or wrong"),
        "preference_grader": ("win_rate" in tables, "table win_rate"),
        "rouge_stemmer": ("rouge" in tables, "table rouge"),
        "ordered": (labelled, "grader label"),
        "prevalence": (labelled, "grader label"),
        "answer_by": (task["answer_type"] == "label", "answer_type label"),
        "likelihood": (scores_likelihood(task), "answer_by likelihood"),
        "other_label_weights": (
            several and task["rejected_source"] == "other_label",
            "rejected_source other_label and three or more labels",
        ),
    }
    unused = [(key, user) for key, (used, user) in users.items() if key in keys and not used]
    raise_together(
        [
            UserError(f"{where}: key '{key}' has no effect without {user}. Add what is missing, or remove '{key}'.")
            for key, user in unused
        ]
    )
