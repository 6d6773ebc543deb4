"""The tables behind the confusion matrix and the reliability figure of a task with labels."""

from collections.abc import Mapping, Sequence

from clinical_dpo.grading.scores import confusion_counts
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade
from clinical_dpo.statistics.groups import groups_of
from clinical_dpo.statistics.probability_metrics import probabilities_of, reliability_rows

CONFUSION_COLUMNS = ("task", "model", "variant", "label", "answer", "n", "share", "data")
RELIABILITY_COLUMNS = (
    *("task", "model", "variant", "label", "bin_low", "bin_high", "n", "mean_probability", "observed"),
    *("ci_low", "ci_high", "data"),
)
Grades = Mapping[tuple[str, str], Sequence[Grade]]


def confusion_table(grades: Grades, classes: Sequence[str], names: Mapping[str, str]) -> list[Row]:
    """Rows with the columns CONFUSION_COLUMNS: the number of items of each combination of true label and answer.

    Each variant of each model has one row per combination. `answer` is empty for invalid answers. `share` is `n`
    divided by the number of items with the true label; None if no item has this label.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item. No grade is pending.
        classes: all labels of the task, in their order.
        names: `task` and `data` (real or synthetic), which are copied into the rows.
    """
    rows: list[Row] = []
    for (model, variant), graded in grades.items():
        counts = confusion_counts([row["label"] for row in graded], [row["parsed"] for row in graded], classes)
        for label, of_label in zip(classes, counts.tolist(), strict=True):
            for answer, n in zip([*classes, ""], of_label, strict=True):
                share = n / sum(of_label) if sum(of_label) else None
                names_of = {"task": names["task"], "model": model, "variant": variant, "data": names["data"]}
                rows.append(names_of | {"label": label, "answer": answer, "n": n, "share": share})
    return rows


def reliability_table(
    grades: Grades,
    answers: Mapping[tuple[str, str], Sequence[Answer]],
    classes: Sequence[str],
    names: Mapping[str, str],
) -> list[Row]:
    """Rows with the columns RELIABILITY_COLUMNS: the observed share of events in each bin of predicted probabilities.

    With two labels, the event is that the item has the positive class, which the column `label` names. With more
    labels, the event is that the most probable label is right. `label` is then empty. Only variants with probabilities
    have rows.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item. No grade is pending.
        answers: maps (model, variant) to the variant's answers. Variants whose answers have no `probabilities` are left
            out.
        classes: all labels of the task; of two labels, the positive class first.
        names: `task` and `data` (real or synthetic), which are copied into the rows.
    """
    rows: list[Row] = []
    for (model, variant), graded in grades.items():
        probabilities = probabilities_of(graded, answers[model, variant])
        if probabilities is None:
            continue
        names_of = {"task": names["task"], "model": model, "variant": variant, "data": names["data"]}
        names_of["label"] = classes[0] if len(classes) == 2 else ""
        labels = [row["label"] for row in graded]
        rows += [names_of | row for row in reliability_rows(probabilities, labels, classes, groups_of(graded))]
    return rows
