"""Grades with a planted effect in a subgroup, and the table of subgroups made from grades."""

import numpy as np

from clinical_dpo.schemas import validate
from clinical_dpo.statistics.subgroups import subgroup_table
from tests.helpers.grade_rows import grade_rows

ACCURACY = {"name": "uti", "metric": "accuracy", "paired_test": "mcnemar", "data": "real", "seed": 1}
SEXES = ["f"] * 60 + ["m"] * 60


def assigned(**subgroups):
    """Rows that give each item its level, from subgroup -> levels in the order of the items."""
    return [
        {"id": f"q{i}", "subgroup": name, "level": level}
        for name, levels in subgroups.items()
        for i, level in sorted(enumerate(levels), key=lambda item: str(item[1]))
    ]


def grades_of(base, sft, dpo, make=grade_rows):
    """Grades of one model, made from the values of three variants."""
    return {("llama", "base"): make(base), ("llama", "sft"): make(sft), ("llama", "dpo"): make(dpo)}


def planted(effect, seed=3, items=120):
    """Grades of 120 items, half of which have the level f, in which DPO gains `effect` more than in m."""
    rng = np.random.default_rng(seed)
    sft = (rng.random(items) < 0.5).astype(int)
    gain = np.where(np.arange(items) < items // 2, effect, 0.0)
    dpo = np.where(rng.random(items) < gain, 1, sft)
    return grades_of((rng.random(items) < 0.4).astype(int).tolist(), sft.tolist(), dpo.tolist())


def table_of(grades, subgroups, task=ACCURACY, smallest=None):
    """(compared, subgroup, level) -> row of the table, which matches its schema."""
    rows = subgroup_table(grades, subgroups, task, smallest)
    for row in rows:
        validate(row, "subgroups", "row")
    return {(row["compared"], row["subgroup"], row["level"]): row for row in rows}
