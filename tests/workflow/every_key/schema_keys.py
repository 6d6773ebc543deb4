"""All keys in the schemas of a config, a task file and a model file."""

from collections.abc import Iterator, Mapping
from typing import Any

from clinical_dpo.schemas import SCHEMAS
from clinical_dpo.yaml_files import read_yaml

TOP = ("config", "task", "model")


def all_keys() -> set[str]:
    """Keys such as `task.splits.dev`, `source.path` and `sft.beta`; a referenced schema's keys begin with its name."""
    keys: set[str] = set()
    visited: set[str] = set()
    queue = list(TOP)
    while queue:
        schema = queue.pop()
        if schema not in visited:
            visited.add(schema)
            for key, reference in _walk(read_yaml(SCHEMAS / f"{schema}.schema.yaml"), schema):
                keys.add(key)
                queue += [reference] if reference else []
    return {key for key in keys if not key.startswith("stage.")} | {
        f"{stage}.{key.removeprefix('stage.')}"
        for stage in ("sft", "dpo")
        for key in keys
        if key.startswith("stage.")
        and not (stage == "sft" and key.split(".")[1] in ("beta", "loss", "label_smoothing"))
    }


def _walk(node: Mapping[str, Any], name: str) -> Iterator[tuple[str, str | None]]:
    """(key, referenced schema or None) of every leaf below a node."""
    reference = node.get("$ref", "")
    if reference.startswith("#/$defs/"):
        yield from _walk({"properties": {"warn": {}, "stop": {}}}, name)
    elif reference.endswith(".schema.yaml"):
        yield name, reference.removesuffix(".schema.yaml")
    elif "enum" in node and len(node["enum"]) == 1:
        return  # a key with a single value cannot change
    else:
        properties = node.get("properties", {})
        additional = node.get("additionalProperties")
        if isinstance(additional, Mapping) and ("properties" in additional or "$ref" in additional):
            yield from _walk(additional, name)
        elif not properties:
            yield name, None
        for key, value in properties.items():
            yield from _walk(value, f"{name}.{key}")
