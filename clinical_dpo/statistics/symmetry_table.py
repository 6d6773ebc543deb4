"""Table of the Stuart-Maxwell and Bowker tests, which compare the labels that two variants of a model give."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name
from clinical_dpo.records import Grade
from clinical_dpo.statistics.comparisons import paired_rows
from clinical_dpo.statistics.groups import groups_of, number_of_groups
from clinical_dpo.statistics.symmetry_tests import (
    answer_table,
    bowker,
    clustered_bowker,
    clustered_stuart_maxwell,
    stuart_maxwell,
)
from clinical_dpo.variants import EXTERNAL, compared

COLUMNS = (
    *("task", "model", "comparison", "n", "n_groups", "test", "statistic", "df", "p_value", "p_unclustered", "data"),
)
TESTS = {  # name -> the test of independent items, the test of items in groups
    "stuart_maxwell": (stuart_maxwell, clustered_stuart_maxwell),
    "bowker": (bowker, clustered_bowker),
}
Grades = Mapping[tuple[str, str], Sequence[Grade]]


def symmetry_table(grades: Grades, task: Mapping[str, Any]) -> list[Row]:
    """Rows with the columns COLUMNS: the Stuart-Maxwell and the Bowker test of every comparison of every model.

    P is not corrected for multiple testing. If the items are in groups, the results are those of
    `clustered_stuart_maxwell` and `clustered_bowker`, and `p_unclustered` is P of the test for independent items. The
    column `test` is `stuart_maxwell` or `bowker`, also for items in groups.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item. Pending grades are not allowed.
        task: task settings with `name`, `labels` and `data`.
    """
    rows: list[Row] = []
    pairs = compared(variant for _, variant in grades)
    for model in dict.fromkeys(model for model, variant in grades if variant != EXTERNAL):
        for first, second in pairs:
            where = f"{task['name']}/{model}"
            x, y = paired_rows(grades[model, first], grades[model, second], where, first, second)
            answers = [row["parsed"] for row in x], [row["parsed"] for row in y], task["labels"]
            names: Row = {"task": task["name"], "model": model, "comparison": comparison_name(first, second)}
            names |= {"data": task["data"], "n": len(x), "n_groups": number_of_groups(x)}
            groups = groups_of(x)
            for name, (of_items, of_groups) in TESTS.items():
                row = dict.fromkeys(COLUMNS) | names | {"test": name}
                tested = of_items(answer_table(*answers))
                if groups is not None:
                    row["p_unclustered"], tested = tested.p_value, of_groups(*answers, groups)
                rows.append(row | tested._asdict())
    return rows
