"""The settings of a task or model that the run's config overrides."""

from collections.abc import Mapping
from typing import Any


def own_overrides(overrides: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    """The part of the overrides that is about one task or model; empty if there is none.

    Args:
        overrides: `overrides` of the config.
        kind: task or model.
        name: name of the task or model.
    """
    own: Mapping[str, Any] = overrides.get(f"{kind}s", {}).get(name, {})
    return own


def settings_place(overrides: Mapping[str, Any], kind: str, name: str) -> str:
    """Name the places of a task's or model's settings, for messages: its file, and its overrides if there are any.

    The arguments are as for `own_overrides`.
    """
    overridden = f" with overrides.{kind}s.{name} of the config" if own_overrides(overrides, kind, name) else ""
    return f"config/{kind}s/{name}.yaml{overridden}"
