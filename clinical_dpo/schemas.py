"""Read YAML files and check them against JSON Schemas. Errors name the file, the key and a valid value."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from clinical_dpo.errors import UserError, did_you_mean

SCHEMAS = Path(__file__).parent.parent / "workflow" / "schemas"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that contains a mapping.

    Raises:
        UserError: the file is missing, is not valid YAML, or is not a mapping. The message names file and line.
    """
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError:
        known = sorted(file.stem for file in path.parent.glob("*.yaml"))
        raise UserError(f"{path}: no such file.{did_you_mean(path.stem, known)}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}, line {line}: not valid YAML ({error.problem}). Correct this line.") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file contains a {type(value).__name__}. Write a YAML mapping (key: value).")
    return value


@cache
def _validator(name: str) -> Any:
    """The jsonschema validator of a schema."""
    # Imported late: a job that only reads YAML does not need jsonschema.
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    files = [(path.name, Resource.from_contents(read_yaml(path))) for path in sorted(SCHEMAS.glob("*.schema.yaml"))]
    registry: Any = Registry().with_resources(files)
    return Draft202012Validator(registry[f"{name}.schema.yaml"].contents, registry=registry)


def validate(value: Mapping[str, Any], schema: str, where: str) -> None:
    """Check `value` against workflow/schemas/{schema}.schema.yaml.

    Args:
        value: the mapping to check.
        schema: name of the schema.
        where: the file; begins the message.

    Raises:
        UserError: a key or value is not valid. The message describes the first mistake.
    """
    if mistakes := problems(value, schema):
        raise UserError(f"{where}: {mistakes[0]}")


def problems(value: Mapping[str, Any], schema: str) -> list[str]:
    """All mistakes in `value` by workflow/schemas/{schema}.schema.yaml, sorted by key.

    Each has the key's description, or for an unknown key the most similar known key.
    """
    errors = sorted(
        _validator(schema).iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path]
    )
    return list(dict.fromkeys(line for error in errors for line in _problems(error)))


def _problems(error: Any) -> list[str]:
    """The mistakes in an error of jsonschema."""
    key = ".".join(str(part) for part in error.absolute_path)
    start = f"{key}." if key else ""
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        return [f"key '{start}{name}' is not known.{did_you_mean(name, known)}" for name in unknown]
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        return [f"key '{start}{name}' is missing. Add it." for name in missing]
    if error.validator == "not":  # another key's value excludes this key
        return [f"key '{key}' has no effect with the other settings. Remove it."]
    hint = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
    if _may_be_secret(error):
        problem = "this value is not valid"
    elif error.validator == "type" and "string" in error.validator_value and _is_unquoted(error.instance):
        problem = f"this value is read as {type(error.instance).__name__}, not as text. Put it in quotes"
    else:
        problem = error.message
    return [f"key '{key}': {problem}. {hint}".rstrip()]


def _is_unquoted(value: Any) -> bool:
    """Whether YAML made a number, a date or a truth value of a word without quotes, such as a hash of digits alone."""
    return isinstance(value, bool | int | float | date)


def _may_be_secret(error: Any) -> bool:
    """Whether a wrong value may be a secret: an API key instead of a variable's name, or an address with a password."""
    in_endpoints = "endpoints" in list(error.absolute_path)[:1]
    return in_endpoints and not isinstance(error.instance, int | float | None)


def properties(schema: str) -> set[str]:
    """The top-level keys of a schema."""
    return set(_validator(schema).schema["properties"])
