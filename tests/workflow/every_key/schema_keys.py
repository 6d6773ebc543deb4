"""Every key that the schemas of a config, a task file and a model file know."""

from collections.abc import Iterator, Mapping
from typing import Any

from clinical_dpo.schemas import SCHEMAS, read_yaml

TOP = ("config", "task", "model")


def all_keys() -> set[str]:
    """`task.splits.dev`, `source.path`, `sft.beta` ...: a key of a schema that others refer to bears its own name."""
    keys: set[str] = set()
    seen: set[str] = set()
    queue = list(TOP)
    while queue:
        schema = queue.pop()
        if schema not in seen:
            seen.add(schema)
            for key, other in _walk(read_yaml(SCHEMAS / f"{schema}.schema.yaml"), schema):
                keys.add(key)
                queue += [other] if other else []
    return {key for key in keys if not key.startswith("stage.")} | {
        f"{stage}.{key.removeprefix('stage.')}"
        for stage in ("sft", "dpo")
        for key in keys
        if key.startswith("stage.")
        and not (stage == "sft" and key.split(".")[1] in ("beta", "loss", "label_smoothing"))
    }


def _walk(node: Mapping[str, Any], name: str) -> Iterator[tuple[str, str | None]]:
    """(key, the schema it refers to) of every leaf below a node."""
    reference = node.get("$ref", "")
    if reference.startswith("#/$defs/"):
        yield from _walk({"properties": {"warn": {}, "stop": {}}}, name)
    elif reference.endswith(".schema.yaml"):
        yield name, reference.removesuffix(".schema.yaml")
    elif "enum" in node and len(node["enum"]) == 1:
        return  # it has one value
    else:
        inner = node.get("properties", {})
        others = node.get("additionalProperties")
        if isinstance(others, Mapping) and ("properties" in others or "$ref" in others):
            yield from _walk(others, name)
        elif not inner:
            yield name, None
        for key, value in inner.items():
            yield from _walk(value, f"{name}.{key}")
