"""The `generated_fields` of a task file: fields of a record that a model or an endpoint writes from a prompt."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from clinical_dpo.config.column_rules import subgroups
from clinical_dpo.config.endpoints import Endpoint, check_endpoint_allowed, endpoint_named, why_unavailable
from clinical_dpo.errors import UserError
from clinical_dpo.paths import Paths
from clinical_dpo.user_paths import why_missing

WRITERS = {"model", "endpoint"}
# Fields of a record that are used even if no prompt names them: `question`, and the answer's field by answer_type.
READ_FIELDS = {"question"}
ANSWER_FIELD = {"label": "label", "answer": "reference", "text": "reference"}


def writer(settings: Mapping[str, Any]) -> str:
    """Name of the model or endpoint that writes a field."""
    return settings["model"] if "model" in settings else settings["endpoint"]


def own_writers(merged: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Keep one writer of each generated field: a writer in a run's overrides replaces the writer in the task file.

    The writer of a field is a model (key `model`) or an endpoint (key `endpoint`). If a task file names a model and the
    overrides name an endpoint, or the reverse, then the merged settings have both keys. This function removes the key
    of the task file.

    Args:
        merged: the task file's settings merged with the overrides.
        own: the overrides.

    Returns:
        A mapping with the key `generated_fields`: the merged fields without the replaced writers. The mapping is
        empty if the overrides have no key `generated_fields`.
    """
    if "generated_fields" not in own:
        return {}
    replaced = {
        field: WRITERS - set(settings) for field, settings in own["generated_fields"].items() if WRITERS & set(settings)
    }
    return {
        "generated_fields": {
            field: {key: value for key, value in settings.items() if key not in replaced.get(field, ())}
            for field, settings in merged["generated_fields"].items()
        }
    }


def field_columns(task: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The part of a task's `columns` on which a generated field depends: the columns that its prompt uses, and `id`."""
    used = _used(task["generated_fields"][field]["prompt"])
    columns = task.get("columns", {})
    return {name: column for name, column in columns.items() if name in used | {"id"}}


def prompt_fields(generated_fields: Mapping[str, Any], field: str) -> list[str]:
    """Names of the generated fields that the prompt of the generated field `field` uses, sorted."""
    return sorted(_used(generated_fields[field]["prompt"]) & set(generated_fields))


def field_endpoints(task: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Endpoint]:
    """Map each generated field that has the key `endpoint` to the endpoint that writes it.

    Fields that have the key `model` instead are left out.

    Raises:
        UserError: the value of `endpoint` is not the name of an endpoint of the config.
    """
    where = f"config/tasks/{task['name']}.yaml"
    return {
        field: endpoint_named(
            settings["endpoint"], config.get("endpoints", {}), f"{where}: generated_fields.{field}.endpoint"
        )
        for field, settings in task.get("generated_fields", {}).items()
        if "endpoint" in settings
    }


def field_writers(task: Mapping[str, Any], kind: str) -> list[str]:
    """The models or the endpoints that write a task's generated fields.

    Args:
        task: the task file's settings.
        kind: `model` or `endpoint`.
    """
    return [settings[kind] for settings in task.get("generated_fields", {}).values() if kind in settings]


def field_file(task: Mapping[str, Any], field: str, paths: Paths) -> str:
    """The path of the file with a generated field."""
    return paths("text", task=task["name"], field=field, writer=writer(task["generated_fields"][field]))


def missing_input(task: Mapping[str, Any], config: Mapping[str, Any], paths: Paths) -> tuple[str, str] | None:
    """Return why the text of a task is unavailable, and what the user should do; None if the text is available.

    A task's text is the text of its `source`, with its generated fields. It is unavailable in two cases:

    - The source is a data file that does not exist.
    - An endpoint has not yet written a generated field, and the endpoint's API key is not set.
    """
    source = task["source"]
    if source["kind"] == "file" and (reason := why_missing(source["path"])):
        return reason, "Add the file, or correct source.path"
    for field, endpoint in field_endpoints(task, config).items():
        reason = None if Path(field_file(task, field, paths)).exists() else why_unavailable(endpoint)
        if reason:
            return (
                f"endpoint '{endpoint.name}' cannot write generated_fields.{field}: {reason}",
                "Set the variable to the key of the endpoint",
            )
    return None


def check_generated_fields(task: Mapping[str, Any], config: Mapping[str, Any], models: Sequence[str]) -> None:
    """Check that the generated fields of a task can be generated, that each is used, and that no private text leaks.

    Args:
        task: a task file's settings.
        config: the run's config, with `endpoints`, `phi_hosts` and `plain_http_hosts`.
        models: names of all model files. A field's endpoint must not have one of these names.

    Raises:
        UserError: a field fails a check. The message names the key and the correction. The failures are:

            - The field has no writer (model or endpoint), or has two.
            - The field's endpoint is not in the config, has the name of a model, or may not receive the private text.
            - The field is written by an endpoint, but the task has no `when_missing`.
            - The field is also read from a column of the source.
            - The field's prompt is not a valid template.
            - The field's prompt needs a field whose own prompt needs this field, directly or through other fields.
            - Nothing uses the field.
    """
    generated_fields = task.get("generated_fields", {})
    if not generated_fields:
        return
    where = f"config/tasks/{task['name']}.yaml"
    columns = task.get("columns", {})
    for field, settings in generated_fields.items():
        key = f"{where}: key 'generated_fields.{field}'"
        if ("model" in settings) == ("endpoint" in settings):
            raise UserError(f"{key} needs either model or endpoint, not both. Set one of the two.")
        if settings.get("endpoint") in models:
            raise UserError(
                f"{key}: endpoint '{settings['endpoint']}' has the name of a model. Rename the endpoint. If the model "
                "is meant, write `model` in place of `endpoint`."
            )
        if field in columns:
            raise UserError(
                f"{key}: the field is also read from the source, by columns.{field}. Remove one of the two keys."
            )
        try:
            _used(settings["prompt"])
        except UserError as error:
            raise UserError(f"{key}, key 'prompt', {error}") from None
    for endpoint in field_endpoints(task, config).values():
        check_endpoint_allowed(task, endpoint, config.get("phi_hosts", ()), config.get("plain_http_hosts", ()))
        if "when_missing" not in task:
            raise UserError(
                f"{where}: key 'when_missing' is missing. Add it: it says what the run does if it starts without the "
                f"API key of endpoint '{endpoint.name}'."
            )
    dependencies = {field: prompt_fields(generated_fields, field) for field in generated_fields}
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        cycle = ", ".join(sorted(set(error.args[1])))
        if cycle in generated_fields:
            raise UserError(
                f"{where}: key 'generated_fields.{cycle}': the prompt uses '{cycle}', which is this field itself. If "
                f"the source's column '{cycle}' is meant, add `source_{cycle}: {cycle}` to `columns`, and write "
                f"source_{cycle} in the prompt."
            ) from None
        raise UserError(
            f"{where}: generated_fields: the prompts of {cycle} need each other's texts. Change one of these prompts, "
            "so that it uses only fields of the source."
        ) from None
    used = _used(task["prompt"]).union(READ_FIELDS, {ANSWER_FIELD[task["answer_type"]]}, *dependencies.values())
    used |= {"rejected"} if task["rejected_source"] == "field" else set()
    used |= _columns_used(task, where)
    for field in generated_fields:
        if field not in used:
            hint = (
                "Set `rejected_source: field`."
                if field == "rejected"
                else "Remove it, or use it in `prompt` or `columns`."
            )
            raise UserError(f"{where}: key 'generated_fields.{field}': nothing uses this field. {hint}")


def _columns_used(task: Mapping[str, Any], where: str) -> set[str]:
    """Names of the columns that `columns`, `group` and `subgroups` of a task use. A path `a.b` uses column `a`."""
    from clinical_dpo.templates import columns_used_by

    mappings = {f"columns.{field}": column for field, column in task.get("columns", {}).items()}
    mappings |= {"group": task["group"]} if "group" in task else {}
    mappings |= {f"subgroups.{subgroup['name']}": subgroup["column"] for subgroup in subgroups(task)}
    try:
        used = columns_used_by(mappings)
    except UserError as error:
        raise error.within(f"{where}: ") from None
    return used.union(name.partition(".")[0] for name in used)


def _used(template: str) -> set[str]:
    """Names of the record's fields that a prompt template uses."""
    from clinical_dpo.templates import used_names  # imported late: only tasks with generated fields need Jinja

    return used_names(template)
