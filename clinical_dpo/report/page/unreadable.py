"""Sentences of the page about unreadable answers."""

from collections.abc import Mapping

from clinical_dpo.paths import parse_comparison
from clinical_dpo.report.page.comparisons import Rows, Tasks
from clinical_dpo.variants import TITLES

IN_WORDS = {  # rule of unreadable.csv -> words
    "positive": "count as positive or right",
    "left out": "are left out",
    "worst case": "count as wrong for the first variant and as right for the second",
}


def changed_decisions(unreadable: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[str]:
    """A sentence for each decision that would change under another rule for unreadable answers.

    Args:
        unreadable: rows of reports/tables/unreadable.csv.
        tasks: task -> settings with `title`.
        models: model -> name shown.
    """
    graded = {
        (row["task"], row["model"], row["compared"]): row["decision"]
        for row in unreadable
        if row["rule"] == "as graded"
    }
    lines = []
    for row in unreadable:
        if row["changed"] == "true":
            first, second = (TITLES[variant] for variant in parse_comparison(row["compared"]))
            before = graded[row["task"], row["model"], row["compared"]]
            lines.append(
                f"{tasks[row['task']]['title']}, {models[row['model']]}, {first} against {second}: the decision is "
                f"'{before}', but '{row['decision']}' if the {row['unreadable']} unreadable answers "
                f"{IN_WORDS[row['rule']]}."
            )
    return lines
