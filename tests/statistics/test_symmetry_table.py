"""Stuart-Maxwell and Bowker for every model and comparison, on the items of both variants."""

import numpy as np
import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.schemas import validate
from clinical_dpo.statistics.grouped_grades import with_groups
from clinical_dpo.statistics.symmetry_table import COLUMNS, symmetry_table
from clinical_dpo.statistics.symmetry_tests import answer_table, bowker, clustered_stuart_maxwell, stuart_maxwell
from tests.helpers.labelled_answers import CLASSES, drawn

TASK = {"name": "triage", "labels": CLASSES, "data": "synthetic"}


def grades():
    table = {}
    for seed, variant in enumerate(("base", "sft", "dpo")):
        _, answers = drawn(seed, items=50)
        table["llama", variant] = [{"id": str(item), "parsed": answer} for item, answer in enumerate(answers)]
    return table | {("rule", "external"): table["llama", "sft"]}


def parsed(rows):
    return [row["parsed"] for row in rows]


def test_both_tests_of_every_comparison_are_those_of_the_answers_item_by_item():
    table = grades()
    shuffled = table | {("llama", "sft"): table["llama", "sft"][::-1]}
    rows = symmetry_table(shuffled, TASK)
    assert all(set(row) == set(COLUMNS) for row in rows) and {row["model"] for row in rows} == {"llama"}
    results = {(row["comparison"], row["test"]): row for row in rows}
    assert len(results) == 6
    counts = answer_table(parsed(table["llama", "dpo"]), parsed(table["llama", "sft"]), CLASSES)
    for name, test in (("stuart_maxwell", stuart_maxwell), ("bowker", bowker)):
        row = results["dpo_vs_sft", name]
        assert (row["statistic"], row["df"], row["p_value"]) == test(counts) and row["n"] == 50
        assert row["n_groups"] is row["p_unclustered"] is None


def test_items_in_groups_have_the_tests_of_groups():
    test = [{"id": str(item), "group": f"p{item // 2}"} for item in range(50)]
    grouped = symmetry_table(with_groups(grades(), test), TASK)
    first, second = (parsed(grades()["llama", variant]) for variant in ("dpo", "sft"))
    for row, independent in zip(grouped, symmetry_table(grades(), TASK), strict=True):
        validate(row, "symmetry", "row")
        assert (row["n"], row["n_groups"], row["p_unclustered"]) == (50, 25, independent["p_value"])
        if (row["comparison"], row["test"]) == ("dpo_vs_sft", "stuart_maxwell"):
            expected = clustered_stuart_maxwell(first, second, CLASSES, np.arange(50) // 2)
            assert (row["statistic"], row["df"], row["p_value"]) == expected


def test_variants_with_other_items_are_refused():
    table = grades() | {("llama", "sft"): grades()["llama", "sft"][1:]}
    with pytest.raises(UserError, match="triage/llama"):
        symmetry_table(table, TASK)
