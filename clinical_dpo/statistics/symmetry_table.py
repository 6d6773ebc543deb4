"""Table of Stuart-Maxwell and Bowker tests: whether two variants of a model give a task's labels differently."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name
from clinical_dpo.records import Grade
from clinical_dpo.statistics.comparisons import paired_rows
from clinical_dpo.statistics.symmetry_tests import answer_table, bowker, stuart_maxwell
from clinical_dpo.variants import EXTERNAL, compared

COLUMNS = ("task", "model", "comparison", "n", "test", "statistic", "df", "p_value", "data")
TESTS = {"stuart_maxwell": stuart_maxwell, "bowker": bowker}
Grades = Mapping[tuple[str, str], Sequence[Grade]]


def symmetry_table(grades: Grades, task: Mapping[str, Any]) -> list[Row]:
    """Rows of COLUMNS: both tests of every comparison of every model. P is not corrected for several tests.

    Args:
        grades: (model, variant) -> complete rows of its grades table.
        task: `name`, `labels` and `data`.
    """
    rows: list[Row] = []
    pairs = compared(variant for _, variant in grades)
    for model in dict.fromkeys(model for model, variant in grades if variant != EXTERNAL):
        for first, second in pairs:
            where = f"{task['name']}/{model}"
            x, y = paired_rows(grades[model, first], grades[model, second], where, first, second)
            table = answer_table([row["parsed"] for row in x], [row["parsed"] for row in y], task["labels"])
            names = {"task": task["name"], "model": model, "comparison": comparison_name(first, second)}
            names["data"] = task["data"]
            for name, test in TESTS.items():
                rows.append(names | {"n": len(x), "test": name} | test(table)._asdict())
    return rows
