"""The `generated_fields` of a task file: which model or endpoint writes a field, and the prompt that it gets."""

import os
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from clinical_dpo.config.endpoints import Endpoint, check_endpoint_allowed, endpoint_named, why_unavailable
from clinical_dpo.errors import UserError
from clinical_dpo.paths import Paths

WRITERS = {"model", "endpoint"}
# What is read of a record beside what the prompt asks about; the second by answer_type.
READ = {"question"}
ANSWER = {"label": "label", "answer": "reference", "text": "reference"}


def writer(settings: Mapping[str, Any]) -> str:
    """Name of the model or endpoint that writes a text."""
    return settings["model"] if "model" in settings else settings["endpoint"]


def own_writers(merged: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The `generated_fields` of a task file and of a run, merged: a writer that the run names replaces the file's."""
    if "generated_fields" not in own:
        return {}
    taken = {field: WRITERS - set(text) for field, text in own["generated_fields"].items() if WRITERS & set(text)}
    return {
        "generated_fields": {
            field: {key: value for key, value in text.items() if key not in taken.get(field, ())}
            for field, text in merged["generated_fields"].items()
        }
    }


def text_columns(task: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The part of a task's `columns` that writing a text depends on: its prompt's fields, and the id."""
    used = _used(task["generated_fields"][field]["prompt"])
    columns = task.get("columns", {})
    return {name: column for name, column in columns.items() if name in used | {"id"}}


def asks_about(texts: Mapping[str, Any], field: str) -> list[str]:
    """The other texts that a text's prompt asks about."""
    return sorted(_used(texts[field]["prompt"]) & set(texts))


def text_endpoints(task: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Endpoint]:
    """Field -> endpoint that writes it."""
    where = f"config/tasks/{task['name']}.yaml"
    return {
        field: endpoint_named(
            settings["endpoint"], config.get("endpoints", {}), f"{where}: generated_fields.{field}.endpoint"
        )
        for field, settings in task.get("generated_fields", {}).items()
        if "endpoint" in settings
    }


def text_writers(task: Mapping[str, Any], kind: str) -> list[str]:
    """The models or endpoints (`kind`: model, endpoint) that write a task's texts."""
    return [settings[kind] for settings in task.get("generated_fields", {}).values() if kind in settings]


def text_file(task: Mapping[str, Any], field: str, paths: Paths) -> str:
    """The file of a written text."""
    return paths("text", task=task["name"], field=field, writer=writer(task["generated_fields"][field]))


def missing_text(task: Mapping[str, Any], config: Mapping[str, Any], paths: Paths) -> tuple[str, str] | None:
    """What keeps a task from its own text, and the mend: its data file is not there, or an endpoint cannot be asked.

    Texts that are written already need no endpoint. None where nothing is missing.
    """
    source = task["source"]
    if source["kind"] == "file" and not Path(os.path.expandvars(source["path"])).exists():
        return f"{source['path']} is not there", "Put it there, or correct source.path"
    for field, endpoint in text_endpoints(task, config).items():
        why = None if Path(text_file(task, field, paths)).exists() else why_unavailable(endpoint)
        if why:
            return (
                f"endpoint '{endpoint.name}' cannot be asked for generated_fields.{field}: {why}",
                "Set it to the key",
            )
    return None


def check_generated_fields(task: Mapping[str, Any], config: Mapping[str, Any], models: Sequence[str]) -> None:
    """Refuse texts that cannot or must not be written, that nothing uses, or that ask about one another in a circle.

    Args:
        task: a task file's settings.
        config: the run's config, with `endpoints` and `phi_hosts`.
        models: names of all model files.

    Raises:
        UserError: with key and mend.
    """
    texts = task.get("generated_fields", {})
    if not texts:
        return
    where = f"config/tasks/{task['name']}.yaml"
    columns = task.get("columns", {})
    for field, settings in texts.items():
        key = f"{where}: key 'generated_fields.{field}'"
        if ("model" in settings) == ("endpoint" in settings):
            raise UserError(f"{key} needs one of model and endpoint: what writes the text.")
        if settings.get("endpoint") in models:
            raise UserError(f"{key}: endpoint '{settings['endpoint']}' has the name of a model. Rename the endpoint.")
        if field in columns:
            raise UserError(f"{key}: columns.{field} takes it from the source. Remove one of the two.")
        try:
            _used(settings["prompt"])
        except UserError as error:
            raise UserError(f"{key}, key 'prompt', {error}") from None
    for endpoint in text_endpoints(task, config).values():
        check_endpoint_allowed(task, endpoint, config.get("phi_hosts", ()), config.get("plain_http_hosts", ()))
        if "when_missing" not in task:
            raise UserError(
                f"{where}: key 'when_missing' is missing: what to do while {endpoint.name} cannot be asked."
            )
    asked = {field: asks_about(texts, field) for field in texts}
    try:
        TopologicalSorter(asked).prepare()
    except CycleError as error:
        circle = ", ".join(sorted(set(error.args[1])))
        raise UserError(
            f"{where}: generated_fields: {circle} ask about one another. Ask about fields of the source."
        ) from None
    used = _used(task["prompt"]).union(READ, {ANSWER[task["answer_type"]]}, *asked.values())
    used |= {"rejected"} if task["rejected_source"] == "field" else set()
    for field in texts:
        if field not in used:
            hint = "Set `rejected_source: field`." if field == "rejected" else "Remove it, or name it in `prompt`."
            raise UserError(f"{where}: key 'generated_fields.{field}': nothing uses this text. {hint}")


def _used(template: str) -> set[str]:
    from clinical_dpo.templates import used_names  # imported late: Jinja, which only tasks with texts need here

    return used_names(template)
