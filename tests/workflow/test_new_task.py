"""docs/new_task.md shows the files of an example, and mappings and choices that are valid."""

import re

import yaml

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.config.task_rules import VALID_VALUES
from clinical_dpo.data.columns import map_row
from tests.conftest import ROOT

TEXT = (ROOT / "docs/new_task.md").read_text(encoding="utf-8")


def test_the_page_shows_the_files_of_the_example():
    shown = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert shown == [(ROOT / f"examples/visits/{name}.yaml").read_text() for name in ("admit", "config")]


def test_every_mapping_shown_works():
    row = {
        "Message": "m",
        "distractors": ["x", "y"],
        "context": {"contexts": ["a", "b"]},
        **{"history": "h", "findings": "f", "Chief complaint": "c", "uti": "1", "mrn": 17, "visit": 2},
        **{"wrong_1": "v", "wrong_2": "w", "choices": {"A": "right", "B": "x"}, "answer": "right"},
    }
    shown = re.findall(r"^\| .*? \| `(\w+: .*)` \|$", TEXT, re.MULTILINE)
    columns = [yaml.safe_load(mapping.replace("\\|", "|")) for mapping in shown]
    assert [map_row(row, each) | row for each in columns] == [
        row | expected
        for expected in (
            {"message": "m"},
            {"options": ["x", "y"]},
            {"context": ["a", "b"]} | row,
            {"note": "h\nf"},
            {"note": "c"},
            {"label": "UTI"},
            {"id": "17-2"},
            {"options": ["v", "w"]},
            {"options": ["x"]},
        )
    ]


def test_the_table_of_choices_equals_the_configs_rules():
    table = {
        row.split("`")[1]: row.split(" | ") for row in TEXT.splitlines() if re.match(r"\| `(label|answer|text)`", row)
    }
    for answer_type, (_, _, rejected, selection, graders) in table.items():
        assert set(re.findall(r"`(\w+)`", rejected)) - {"options"} == set(VALID_VALUES["rejected_source"][answer_type])
        assert set(re.findall(r"`(\w+)`", selection)) == set(VALID_VALUES["selection_metric"][answer_type])
        pairs = {
            (grader, metric)
            for part in graders.split(";")
            for part_graders, part_metrics in [part.split(":")]
            for grader in re.findall(r"`(\w+)`", part_graders)
            for metric in re.findall(r"`(\w+)`", part_metrics)
        }
        assert pairs == {
            (grader, name)
            for name, metric in METRICS.items()
            for grader in metric.graders
            if grader in VALID_VALUES["grader"][answer_type] and (name != "rubric" or answer_type == "text")
        }
    assert set(table) == set(VALID_VALUES["grader"])
