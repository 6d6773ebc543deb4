"""Check settings against JSON Schemas. Errors name the file, the key and a valid value."""

import datetime
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.yaml_files import read_yaml

_CONFIGURATION = ("config", "task", "model")
SCHEMAS = Path(__file__).parent.parent / "workflow" / "schemas"


@cache
def _validator(name: str) -> Any:
    """The jsonschema validator of a schema."""
    # Imported late, because a job that only reads YAML does not need jsonschema.
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    # $schema is removed, so that a referenced schema is checked by the validator of the schema that refers to it.
    files = [
        (
            path.name,
            DRAFT202012.create_resource({key: part for key, part in read_yaml(path).items() if key != "$schema"}),
        )
        for path in sorted(SCHEMAS.glob("*.schema.yaml"))
    ]
    registry: Any = Registry().with_resources(files)
    kind: Any = Draft202012Validator
    if name in _CONFIGURATION:
        # JSON Schema accepts 8.0 as an integer, but a batch size of 8.0 would fail in the GPU job.
        types = kind.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
        kind = validators.extend(kind, type_checker=types)
    return kind(registry[f"{name}.schema.yaml"].contents, registry=registry)


def validate(value: Mapping[str, Any], schema: str, where: str) -> None:
    """Check `value` against workflow/schemas/{schema}.schema.yaml.

    Args:
        value: the mapping to check.
        schema: name of the schema.
        where: name of the file. The error message begins with this name.

    Raises:
        UserError: keys or values are not valid. The message lists every mistake.
    """
    mistakes = problems(value, schema)
    if len(mistakes) == 1:
        raise UserError(f"{where}: {mistakes[0]}")
    if mistakes:
        raise UserError("\n".join([f"{where}: {len(mistakes)} mistakes", *(f"  {mistake}" for mistake in mistakes)]))


def problems(value: Mapping[str, Any], schema: str) -> list[str]:
    """Describe all mistakes in `value`, sorted by key. The schema is workflow/schemas/{schema}.schema.yaml.

    The text about a wrong value ends with the key's description from the schema. The text about an unknown key or value
    suggests the most similar known name.
    """
    errors = sorted(
        _validator(schema).iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path]
    )
    return list(dict.fromkeys(problem for error in errors for problem in _problems(error)))


def _problems(error: Any) -> Iterator[str]:
    """Yield sentences about one validation error of jsonschema: the key, what is wrong, and the correction."""
    key = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        for unknown in sorted(set(error.instance) - set(known)):
            yield f"key '{f'{key}.{unknown}' if key else unknown}' is not known.{did_you_mean(unknown, known)}"
    elif error.validator == "required":
        for missing in sorted(set(error.validator_value) - set(error.instance)):
            yield f"key '{f'{key}.{missing}' if key else missing}' is missing. Add it."
    elif error.validator == "anyOf" and (nearer := [each for each in error.context if each.validator != "type"]):
        # The value may have one of several forms. Report the mistakes of the form that has the value's type.
        of_type = [each for each in nearer if len(each.absolute_path) > len(error.absolute_path)]
        for each in of_type or nearer[:1]:
            yield from _problems(each)
    elif error.validator == "not":  # the value of another key excludes this key
        yield f"key '{key}' has no effect with the other settings. Remove it."
    else:
        hint = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
        problem = "this value is not valid." if _may_be_secret(error) else _value_problem(error)
        yield f"key '{key}': {problem} {hint}".rstrip()


def _value_problem(error: Any) -> str:
    """Return sentences about a value that is not valid: what is wrong, and the correction."""
    value, kinds = error.instance, error.validator_value
    if error.validator == "enum" and isinstance(value, str):
        return f"'{value}' is not known.{did_you_mean(value, [str(known) for known in kinds])}"
    expected: set[str] = set()
    if error.validator in ("type", "enum"):
        expected = {"string"} if error.validator == "enum" else {kinds} if isinstance(kinds, str) else set(kinds)
    shown = error.message.replace(repr(value), str(value)) if isinstance(value, datetime.date) else error.message
    return f"{shown}. {_type_mend(value, expected)}".rstrip()


def _type_mend(value: Any, expected: set[str]) -> str:
    """Return a sentence that corrects a value of a wrong type, such as `yes`, which YAML reads as true.

    Args:
        value: the value, as YAML reads it.
        expected: types that the schema allows, as JSON Schema names them.

    Returns:
        The sentence; an empty text if no correction is known.
    """
    if "string" in expected:
        kinds: dict[Any, str] = {
            bool: "Without quotes, yes, no, on and off are read as true or false: put the word in quotes.",
            int | float: "Without quotes, digits are read as a number: put the text in quotes, with all its digits.",
            datetime.date: "Without quotes, this is read as a date: put it in quotes.",
            type(None): "The value is empty: write a text. If the text is null or ~, put it in quotes.",
            dict | list: "Without quotes, brackets are read as a mapping or a list: put the text in quotes.",
        }
        return next((mend for kind, mend in kinds.items() if isinstance(value, kind)), "")
    if isinstance(value, str) and expected & {"number", "integer"}:
        return _number_mend(value, "number" not in expected)
    if isinstance(value, str) and expected == {"array"}:
        if re.match(r"-\S", value):
            return "Write a blank after each dash of the list."
        return f"Write a list: [{value}]."
    if isinstance(value, str) and "boolean" in expected:
        return "Write true or false without quotes."
    if isinstance(value, float) and "integer" in expected and value == int(value):
        return f"Write {int(value)}."
    return ""


def _number_mend(text: str, integer: bool) -> str:
    """Return a sentence that corrects a number that YAML reads as text.

    For example, `0,05` -> "Write 0.05 without quotes, with a decimal point."

    Args:
        text: the value, as YAML reads it.
        integer: whether only a whole number is valid.

    Returns:
        The sentence; an empty string if `text` is not a number.
    """
    bare = text.strip().replace(",", ".")
    if integer and re.fullmatch(r"[+]?\d+(\.\d*)?([eE][+]?\d{1,2})?", bare) and float(bare).is_integer():
        return f"Write {int(float(bare))} without quotes."
    exponent = re.fullmatch(r"([+-]?\d+)(\.\d*)?[eE]([+-]?)(\d+)", bare)
    if exponent:
        whole, decimals, sign, digits = exponent.groups()
        number = f"{whole}{decimals if decimals not in (None, '.') else '.0'}e{sign or '+'}{digits}"
        return f"A number with an exponent is read as text unless it has a point and a sign: write {number}."
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", bare):
        return f"Write {bare} without quotes{', with a decimal point' if ',' in text else ''}."
    return ""


def _may_be_secret(error: Any) -> bool:
    """Whether a wrong value may be secret: an API key in place of a variable's name, or an address with a password."""
    in_endpoints = "endpoints" in list(error.absolute_path)[:1]
    return in_endpoints and not isinstance(error.instance, int | float | None)


def properties(schema: str) -> set[str]:
    """The top-level keys of a schema."""
    return set(_validator(schema).schema["properties"])
