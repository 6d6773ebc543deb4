"""Stuart-Maxwell and Bowker for every model and comparison, on the items of both variants."""

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.statistics.symmetry_table import COLUMNS, symmetry_table
from clinical_dpo.statistics.symmetry_tests import answer_table, bowker, stuart_maxwell
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


def test_variants_with_other_items_are_refused():
    table = grades() | {("llama", "sft"): grades()["llama", "sft"][1:]}
    with pytest.raises(UserError, match="triage/llama"):
        symmetry_table(table, TASK)
