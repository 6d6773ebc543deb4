"""P values as text, and names of the quantities that P values compare."""

from collections.abc import Mapping
from typing import Any

COMPARED = {  # effect_measure of a row of stats.csv -> the quantity that its P compares, and the test
    "accuracy_difference": "right answers (McNemar)",
    "helpfulness_difference": "helpful answers (McNemar)",
    "mean_difference": "mean grades (paired t)",
}
GROUPED_TESTS = {"obuchowski": "McNemar for groups", "clustered_t": "t test of groups"}  # test -> its name
F1_MEASURES = ("f1_difference", "macro_f1_difference")  # secondary_measure of a task with labels
F1_COMPARED = "F1 (permutation)"  # the quantity of p_f1_permutation


def quantity_compared(row: Mapping[str, Any]) -> str:
    """The quantity that the test of a row compares, with the name of the test: "right answers (McNemar)".

    Args:
        row: row of stats.csv, as computed or as read from CSV.
    """
    quantity = COMPARED[row["effect_measure"]]
    if row["test"] in GROUPED_TESTS:
        return f"{quantity.partition(' (')[0]} ({GROUPED_TESTS[row['test']]})"
    return quantity


def format_p(p: float | None, *levels: float) -> str:
    """Return P as journals print it (AMA Manual of Style, 11th ed.), without a leading zero: `0.034 -> ".03"`.

    - Above .99: ">.99".
    - From .01 to .99: two digits.
    - From .001 to .01: three digits.
    - Below .001: "<.001" if no level is below .001. Otherwise, P below the lowest level gives "<" and this level, such
      as "<.0005", and P from the lowest level to .001 has four digits.

    P has more digits if rounding would move it across .01, .05 or a level: `0.0496 -> ".0496"`.

    Args:
        p: the P value; None gives "n/a".
        levels: the levels with which P is compared, such as the threshold of a family of tests.
    """
    if p is None:
        return "n/a"
    least = min([0.001, *levels])
    if p < least:
        return f"<{least:.3g}".replace("<0.", "<.", 1)
    if p > 0.99:
        return ">.99"
    digits = 4 if p < 0.001 else 3 if p < 0.01 else 2
    while any((p < level) != (float(f"{p:.{digits}f}") < level) for level in (0.01, 0.05, *levels)):
        digits += 1
    return f"{p:.{digits}f}".removeprefix("0")


def f1_significant(row: Mapping[str, Any]) -> bool:
    """Whether the P of the permutation test of F1 is below the threshold of the row's comparison.

    Args:
        row: row of stats.csv, as computed or as read from CSV.
    """
    p = row.get("p_f1_permutation")
    return p not in (None, "") and float(p) < float(row["threshold"])


def opposed(row: Mapping[str, Any]) -> bool:
    """Whether F1 and the share of right answers favour different variants of a comparison.

    This happens if errors move from one class to the other, or from wrong labels to answers without a label.

    Args:
        row: row of stats.csv, as computed or as read from CSV.
    """
    if row.get("secondary_measure") not in F1_MEASURES or row["secondary_effect"] in (None, ""):
        return False
    return float(row["effect"]) * float(row["secondary_effect"]) < 0
