"""Refuse configuration files that use old names of keys or values.

One message lists all old names with their new names.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from clinical_dpo.errors import UserError

# Kind of mapping -> old key -> new key.
KEYS = {
    "config": {"run": "run_name"},
    "task": {
        "texts": "generated_fields",
        "external": "external_predictions",
        "outcome": "answer_type",
        "rejected": "rejected_source",
        "test": "paired_test",
        "selection": "selection_metric",
        "stemmer": "rouge_stemmer",
    },
    "stage": {"log_steps": "logging_steps", "checkpoint_steps": "save_steps", "scheduler": "lr_scheduler_type"},
}
# (kind of mapping, old or new key) -> old value -> new value.
VALUES = {("task", key): {"given": "field"} for key in ("rejected", "rejected_source")}
# Kind of mapping -> key -> kind of the mapping at this key; * matches any key.
_WITHIN = {
    "config": {"recipes": "recipes", "overrides": "overrides"},
    "recipes": {"*": "recipe"},
    "recipe": {"sft": "stage", "dpo": "stage"},
    "overrides": {"tasks": "tasks"},
    "tasks": {"*": "task"},
    "task": {"training": "recipe"},
}


class Renamed(NamedTuple):
    """An old name in a configuration file."""

    path: tuple[str, ...]  # keys from the top of the file to the key that is renamed or whose value is renamed
    old: str
    new: str
    is_value: bool  # True if the value at `path` is renamed, False if the key is renamed


def old_names(settings: Any, kind: str) -> Iterator[Renamed]:
    """Yield every old name in the settings of a file.

    Args:
        settings: contents of the file, or of a part of the file. Contents that are not a mapping yield nothing.
        kind: kind of the mapping. For a whole file, `config` or `task`. For a part of a file, a key of KEYS or of
            _WITHIN, or "" for a part that has no old names.
    """
    if not isinstance(settings, Mapping):
        return
    for key, value in settings.items():
        if key in KEYS.get(kind, {}):
            yield Renamed((key,), key, KEYS[kind][key], False)
        values = VALUES.get((kind, key), {})
        if isinstance(value, str) and value in values:
            yield Renamed((key,), value, values[value], True)
        children = _WITHIN.get(kind, {})
        for name in old_names(value, children.get(key, children.get("*", ""))):
            yield name._replace(path=(str(key), *name.path))


def refuse_old_names(files: Mapping[str, tuple[str, Any]]) -> None:
    """Refuse configuration files that use old names.

    Args:
        files: name of a file -> (its kind, `config` or `task`; its settings).

    Raises:
        UserError: a file has an old name. The message lists all old names of all files with their new names, and the
            command that rewrites a file.
    """
    lines = [
        f"  {file}: {'value' if name.is_value else 'key'} '{name.old}' "
        f"{'of ' if name.is_value else 'at '}{'.'.join(name.path)} is now '{name.new}'"
        for file, (kind, settings) in files.items()
        for name in old_names(settings, kind)
    ]
    if lines:
        raise UserError(
            "\n".join(["These names have changed:", *lines])
            + "\nIf an old name follows --config on the command line, replace it there. This command rewrites files "
            "and keeps their comments: python -m clinical_dpo.migrate FILE ..."
        )
