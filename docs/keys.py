"""List every key of the configuration with its schema's description: `python -m docs.keys > docs/keys.md`."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from clinical_dpo.config.study import complete_recipes
from clinical_dpo.escaping import Markdown, code_span, markdown, markdown_table
from clinical_dpo.schemas import SCHEMAS
from clinical_dpo.variants import STAGES
from clinical_dpo.yaml_files import read_yaml

CONFIG = SCHEMAS.parent.parent / "config" / "config.yaml"
TYPES = {"string": "text", "integer": "whole number", "number": "number", "object": "mapping", "null": "`null`"}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
SECTIONS = {  # schema with a section of its own -> link to the section
    "stage": "[training stage](#training-stages)",
    "source": "[source](#sources)",
    "thresholds": "[checks](#checks)",
    "endpoint": "[endpoint](#endpoints)",
}
NOTHING = Markdown("–")
Schema = Mapping[str, Any]


class Key(NamedTuple):
    """A key of the configuration.

    Attributes:
        path: its full name, such as `splits.dev`.
        schema: its JSON schema.
        needed: when it is required, in words; empty for an optional key.
    """

    path: str
    schema: Schema
    needed: str


def schema_of(name: str) -> Schema:
    """Read the schema workflow/schemas/{name}.schema.yaml."""
    schema: Schema = read_yaml(SCHEMAS / f"{name}.schema.yaml")
    return schema


def keys(schema: Schema, prefix: str = "") -> Iterator[Key]:
    """Yield the keys of a mapping, each followed by the keys of its value.

    Keys of a value are left out if its schema has a section of its own on the page (SECTIONS). In a key's path NAME is
    a name that the user chooses, and [] is an entry of a list.

    Args:
        schema: schema of the mapping.
        prefix: path of the mapping, which begins the path of each key.
    """
    needed = required(schema)
    for name, reference in schema.get("properties", {}).items():
        node = follow(reference)
        path = prefix + name
        yield Key(path, node, needed.get(name, ""))
        for value, suffix in ((node, "."), (node.get("additionalProperties"), ".NAME."), (node.get("items"), "[].")):
            if isinstance(value, Mapping):
                yield from keys(value, path + suffix)
    for node in schema.get("$defs", {}).values():
        yield from keys(node, f"{prefix}NAME.")


def follow(node: Schema) -> Schema:
    """Resolve a `$ref` to a key of another schema: return that key's schema, with the node's own entries on top.

    Any other node is returned unchanged.
    """
    file, _, name = node.get("$ref", "").partition("#/properties/")
    return {**schema_of(file.removesuffix(".schema.yaml"))["properties"][name], **node, "$ref": ""} if name else node


def required(schema: Schema) -> dict[str, str]:
    """Map each required key of a mapping to `required`, or to `required with` the settings that make it required."""
    needed = dict.fromkeys(schema.get("required", ()), "required")
    for rule in schema.get("allOf", ()):
        words = f"required with {' and '.join(settings(rule['if']))}"
        for key in rule["then"].get("required", ()):
            if needed.get(key) != "required":
                needed[key] = f"{needed[key]}; {words}" if key in needed else words
    return needed


def settings(condition: Schema, prefix: str = "") -> Iterator[str]:
    """Yield, as code, each setting that the `if` of a schema demands, such as `grader: judge`.

    Args:
        condition: the `if`.
        prefix: path of the mapping, which begins the path of each setting.
    """
    for key, node in condition.get("properties", {}).items():
        if "properties" in node:
            yield from settings(node, f"{prefix}{key}.")
        elif "contains" in node:
            yield f"`{prefix}{key}: [{node['contains']['const']}]`"
        else:
            yield f"`{prefix}{key}: {' or '.join(node.get('enum') or [node['const']])}`"
    if "properties" not in condition:
        yield from (f"`{prefix}{key}`" for key in condition["required"])


def values(node: Schema) -> str:
    """Describe the valid values of a key.

    Args:
        node: schema of the key.
    """
    if reference := node.get("$ref"):
        return SECTIONS.get(reference.removesuffix(".schema.yaml"), "mapping")
    if "enum" in node:
        return ", ".join(map(code, node["enum"]))
    if "const" in node:
        return code(node["const"])
    if forms := [form for form in (*node.get("anyOf", ()), *node.get("oneOf", ())) if set(form) != {"required"}]:
        return " or ".join(map(values, forms))
    kinds = [node["type"]] if isinstance(node["type"], str) else node["type"]
    return " or ".join(of_type(kind, node) for kind in kinds)


def of_type(kind: str, node: Schema) -> str:
    """Describe the valid values of a key that have one type.

    Args:
        kind: the type, as JSON Schema names it.
        node: schema of the key.
    """
    each = node.get("additionalProperties")
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "array":
        few, many = node.get("minItems", 0), node.get("maxItems")
        return f"list{f' of {few} to {many}' if many else ''}: {values(node['items'])}".replace("of 5 to 5", "of 5")
    if kind == "object" and isinstance(each, Mapping) and ("type" in each or "enum" in each or "$ref" in each):
        return f"mapping: name → {values(each)}"
    bounds = " and ".join(f"{sign} {node[bound]}" for bound, sign in BOUNDS.items() if bound in node)
    return f"{TYPES[kind]} {bounds}" if kind in ("integer", "number") and bounds else TYPES[kind]


def code(value: Any) -> str:
    """A value as one line of YAML, in Markdown's format for code."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return code_span(text.strip().removesuffix("..."))


def default(key: Key) -> str:
    """Default of a key in a task file, model file, source or endpoint; without a default, when the key is required."""
    return code(key.schema["default"]) if "default" in key.schema else key.needed or NOTHING


def in_config(key: Key) -> str:
    """The value of a key in config/config.yaml, or a dash if it has none."""
    return look_up(read_yaml(CONFIG), key) or NOTHING


def of_check(key: Key) -> str:
    """The thresholds of a check in config/config.yaml, or a dash if it has none."""
    thresholds = read_yaml(CONFIG)["checks"].get(key.path)
    return code(thresholds) if thresholds else NOTHING


def of_recipe(key: Key) -> str:
    """The values that the recipes of config/config.yaml have for a key, with the names of the recipes."""
    return in_recipes({name: {"": look_up(recipe, key)} for name, recipe in recipes().items()})


def of_stage(key: Key) -> str:
    """The values that the training stages of the recipes have for a key, with the names of the recipes."""
    return in_recipes(
        {name: {stage: look_up(recipe[stage], key) for stage in STAGES} for name, recipe in recipes().items()}
    )


def recipes() -> dict[str, dict[str, Any]]:
    """Map each recipe of config/config.yaml to its settings, those of the recipe that it is based on included."""
    config = read_yaml(CONFIG)
    complete = complete_recipes(config)["recipes"]
    return {name: {**recipe, **complete[name]} for name, recipe in config["recipes"].items()}


def look_up(tree: Schema, key: Key) -> str | None:
    """The value of a key in nested mappings, as code.

    None if the mappings do not have the key, or if the value is a mapping whose keys have rows of their own on the
    page.
    """
    value: Any = tree
    for part in key.path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return None if isinstance(value, Mapping) and not of_texts(key.schema) else code(value)


def of_texts(node: Schema) -> bool:
    """Whether a schema describes a mapping from names to texts, such as `figure2`."""
    each = node.get("additionalProperties")
    return isinstance(each, Mapping) and each.get("type") == "string"


def in_recipes(shown: Mapping[str, Mapping[str, str | None]]) -> str:
    """List each value with the names of its recipes. A value that most recipes have comes first, without names.

    Args:
        shown: recipe -> stage -> value; None if the recipe does not have the key.
    """
    stages = [stage for stage in next(iter(shown.values())) if any(values[stage] for values in shown.values())]
    slots = [(name, stage, values[stage]) for name, values in shown.items() for stage in stages]
    users: dict[str, list[str]] = {}
    for name, stage, value in slots:
        alike = len({shown[name][each] for each in stages}) == 1
        if value is not None:
            users.setdefault(value, []).append(name if alike else f"{name} {stage.upper()}")
    uses = Counter(value for _, _, value in slots)
    usual = [value for value in users if uses[value] > len(slots) / 2 and None not in uses]
    others = [f"{', '.join(dict.fromkeys(users[value]))}: {value}" for value in users if value not in usual]
    return "; ".join([*usual, *others]) or NOTHING


def prose(text: str) -> Markdown:
    """Convert a description to Markdown. Code in backticks stays code, and names of pages become links."""
    line = re.sub(r"`([^`]*)`|[^`]*\w[^`]*", lambda part: code_span(part[1]) if part[1] else _words(part[0]), text)
    return Markdown(re.sub(r"docs/(\w+\.md)", r"[\1](\1)", line))


def _words(text: str) -> str:
    """Convert a text to Markdown, and keep the blanks at its ends, which `markdown` removes."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    return text[:start] + markdown(text) + text[end:]


def section(title: str, introduction: str, listed: Iterable[Key], column: str, value: Callable[[Key], str]) -> str:
    """A section of the page: a heading, an introduction, and a table of keys.

    Args:
        title: the heading.
        introduction: Markdown.
        listed: the keys.
        column: header of the column of defaults.
        value: the default of a key, as Markdown.
    """
    rows = [
        [code_span(key.path), Markdown(values(key.schema)), Markdown(value(key)), prose(key.schema["description"])]
        for key in listed
    ]
    return f"## {title}\n\n{introduction}\n\n{markdown_table(('key', 'values', column, 'meaning'), rows)}\n"


def document() -> str:
    """The text of docs/keys.md."""
    config = schema_of("config")
    of_recipes = config["properties"]["recipes"]["additionalProperties"]
    of_config = [key for key in keys(config) if not key.path.startswith("recipes.")]
    parts = [
        INTRODUCTION,
        section("Config of a run", RUN, of_config, "config/config.yaml", in_config),
        section("Recipes", RECIPES, keys(of_recipes), "in the recipes", of_recipe),
        section("Training stages", TRAINING, keys(schema_of("stage")), "in the recipes", of_stage),
        section("Checks", CHECKS, keys(schema_of("thresholds")), "config/config.yaml", of_check),
        section("Endpoints", ENDPOINTS, keys(schema_of("endpoint")), "default", default),
        section("Task file", TASK, keys(schema_of("task")), "default", default),
        section("Sources", SOURCE, keys(schema_of("source")), "default", default),
        section("Model file", MODEL, keys(schema_of("model")), "default", default),
    ]
    return "\n".join(parts)


INTRODUCTION = """\
# Every key of the configuration

`python -m docs.keys > docs/keys.md` writes this page from `workflow/schemas`. A file with another key, or with another
value, is refused before the first job, in one message with all its mistakes.

A point leads to a key of a mapping: `splits.dev` is `dev` under `splits`. `NAME` is a name of your choice. `[]` is each
entry of a list. A key is required where the mapping that has it is set. A dash means no default: the text says what
applies without the key, or nothing of it applies. [reruns.md](reruns.md) says which jobs a changed key reruns.
"""
RUN = """\
Every run reads `config/config.yaml`. A file after `--configfile` replaces single keys of it."""
RECIPES = """\
`recipes.NAME` of the config. A recipe has `based_on`, or all of `models`, `adapter`, `sft` and `dpo`. `recipe` of a
task file names the recipe; [costs.md](costs.md#presets) helps to choose one. In the third column, a value without a
name is that of all other recipes."""
TRAINING = """\
`recipes.NAME.sft` and `recipes.NAME.dpo` of the config. `training.sft` and `training.dpo` of a task file replace single
keys of the recipe. In the third column, a value without a name is that of all other recipes and stages."""
CHECKS = """\
`checks` of the config, for all tasks. `checks` of a task file replaces single thresholds. [data.md](data.md#checks)
says what a warning and a stop do."""
ENDPOINTS = """\
`endpoints.NAME` of the config: models behind a server, as judges or writers of fields ([judge.md](judge.md))."""
TASK = """\
`config/tasks/{task}.yaml`. [new_task.md](new_task.md) goes through an example."""
SOURCE = """\
`source` and `stand_in` of a task file ([data.md](data.md), [an Excel file](../examples/visits/README.md))."""
MODEL = """\
`config/models/{model}.yaml`. [models.md](models.md) goes through an example."""

if __name__ == "__main__":
    sys.stdout.write(document())
