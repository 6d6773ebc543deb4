"""Types of rows have the fields, the optional fields and the JSON types of the schemas."""

from types import NoneType
from typing import Literal, NotRequired, get_args, get_origin, get_type_hints

import pytest

from clinical_dpo import records
from clinical_dpo.grading.grade import COLUMNS as GRADE_COLUMNS
from clinical_dpo.schemas import SCHEMAS
from clinical_dpo.yaml_files import read_yaml

TYPES = {
    **{"task_row": records.TaskRow, "pair": records.Pair, "answer": records.Answer, "grade": records.Grade},
    **{"metrics": records.Metric, "stats": records.Comparison},
}
KINDS = {str: "string", int: "integer", float: "number", list: "array", dict: "object", NoneType: "null"}


def kinds(annotation):
    """JSON types that the annotation of a field allows."""
    if get_origin(annotation) is NotRequired:
        return kinds(*get_args(annotation))
    if get_origin(annotation) is Literal:
        return {"string"}
    if (origin := get_origin(annotation)) in (list, dict):
        return {KINDS[origin]}
    return set().union(*map(kinds, get_args(annotation))) if get_args(annotation) else {KINDS[annotation]}


def schema_kinds(field):
    if "$ref" in field:
        return {"array"}
    if "enum" in field:
        return {KINDS[type(value)] for value in field["enum"]}
    return {field["type"]} if isinstance(field["type"], str) else set(field["type"])


@pytest.mark.parametrize("name", TYPES)
def test_a_type_has_the_fields_of_its_schema(name):
    schema = read_yaml(SCHEMAS / f"{name}.schema.yaml")
    hints = get_type_hints(TYPES[name], include_extras=True)
    assert list(hints) == list(schema["properties"])
    assert TYPES[name].__required_keys__ == set(schema["required"])
    for field, annotation in hints.items():
        assert kinds(annotation) == schema_kinds(schema["properties"][field]), field


def test_grades_tables_have_the_columns_of_the_type():
    assert tuple(records.Grade.__annotations__) == GRADE_COLUMNS
