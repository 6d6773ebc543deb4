"""The helpfulness table of a task (Murphy 2024): the share of answers that are not evasive."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.paths import parse_comparison
from clinical_dpo.records import Grade

COLUMNS = (
    *("task", "model", "variant", "hq", "ci_low", "ci_high", "n", "n_evasive", "reasons", "p_vs_base", "p_vs_sft"),
    *("detector", "data", "status"),
)


def helpfulness_rows(
    metrics: Sequence[Mapping[str, Any]],
    stats: Sequence[Mapping[str, Any]],
    grades: Mapping[tuple[str, str], Sequence[Grade]],
    detector: str,
) -> list[Row]:
    """Rows with the columns COLUMNS: the Helpfulness Quotient (HQ) of each model and variant.

    HQ = (number of answers - number of evasive answers) / number of answers (Murphy 2024, eq. 1).

    Args:
        metrics: rows of the task's metrics table. The rows with the metric `helpfulness` have HQ with a Wilson
            interval.
        stats: rows of the task's statistics table, with P of McNemar's test.
        grades: maps (model, variant) to the variant's grades, one row per test item. If the answer is evasive, the
            reason is in the column `parsed`.
        detector: version of the rules that detect evasive answers.
    """
    tested = {(row["model"], *parse_comparison(row["comparison"])): row["p_value"] for row in stats}
    table = []
    for row in metrics:
        if row["metric"] != "helpfulness":
            continue
        verdicts = grades[row["model"], row["variant"]]
        evasive = [verdict["parsed"].split(":")[0] for verdict in verdicts if float(verdict["grade"]) == 0]
        reasons = "; ".join(f"{reason} {count}" for reason, count in Counter(evasive).most_common())
        table.append(
            {key: row[key] for key in ("task", "model", "variant", "ci_low", "ci_high", "n", "data", "status")}
            | {"hq": row["estimate"], "n_evasive": len(evasive), "reasons": reasons, "detector": detector}
            | {f"p_vs_{other}": tested.get((row["model"], row["variant"], other)) for other in ("base", "sft")}
        )
    return table
