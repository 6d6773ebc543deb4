"""Rewrite configuration files of earlier versions under today's names: `python -m clinical_dpo.migrate FILE ...`.

Comments, order and layout stay as they are. A file that has no old name stays untouched.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from clinical_dpo.config.renames import Renamed, old_names
from clinical_dpo.errors import UserError
from clinical_dpo.io import replacing
from clinical_dpo.schemas import read_yaml

_COMMENT = re.compile(r"([^\n#]*?)( {2,})(?=#)")  # up to a comment that ends the line


def migrated(text: str, names: Sequence[Renamed]) -> str:
    """The text of a YAML file with old names replaced.

    Args:
        text: the file.
        names: its old names.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    spans = {span: name.new for name in names if (span := _span(root, name)) is not None}
    for (start, end), new in sorted(spans.items(), reverse=True):
        rest = text[end:]
        if comment := _COMMENT.match(rest):  # it keeps its column
            blanks = max(2, len(comment[2]) - len(new) + end - start)
            rest = comment[1] + " " * blanks + rest[comment.end() :]
        text = text[:start] + new + rest
    return text


def _span(node: yaml.Node | None, name: Renamed) -> tuple[int, int] | None:
    """Where an old name is in the text; None where a merge key (<<) brings it from a mapping that is renamed itself."""
    for depth, wanted in enumerate(name.path, start=1):
        pairs = {key.value: (key, value) for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
        if wanted not in pairs:
            return None
        key, node = pairs[wanted]
        if depth == len(name.path) and not name.is_value:
            return key.start_mark.index, key.end_mark.index
    return (node.start_mark.index, node.end_mark.index) if node else None


def migrate(path: Path) -> list[Renamed]:
    """Rewrite one file of a config, or one task file.

    Returns:
        What was renamed.

    Raises:
        UserError: the file is missing, is no YAML mapping, or holds a key under both names.
    """
    settings = read_yaml(path)
    kind = "task" if {"recipe", "prompt", "splits"} & set(settings) else "config"
    names = list(old_names(settings, kind))
    for name in names:
        around = settings
        for key in name.path[:-1]:
            around = around[key]
        if not name.is_value and name.new in around:
            raise UserError(f"{path}: key '{name.old}' is now '{name.new}', and both are there. Remove the old one.")
    if names:
        with path.open(encoding="utf-8", newline="") as file:  # line ends as they are
            text = file.read()
        with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            file.write(migrated(text, names))
    return names


def main(paths: Sequence[str]) -> None:
    """Rewrite the files and print what was renamed."""
    if not paths:
        sys.exit("Name the files: python -m clinical_dpo.migrate config/mine.yaml config/tasks/mine.yaml")
    for path in paths:
        try:
            names = migrate(Path(path))
        except UserError as error:
            sys.exit(str(error))
        changes = ", ".join(f"{name.old} -> {name.new}" for name in names)
        sys.stdout.write(f"{path}: {changes or 'nothing to rename'}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
