"""Replace old names in configuration files by their new names: `python -m clinical_dpo.migrate FILE ...`.

Comments, order and layout do not change. A file without old names stays unchanged.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from clinical_dpo.errors import UserError
from clinical_dpo.io import replacing
from clinical_dpo.renames import Renamed, old_names
from clinical_dpo.yaml_files import read_yaml

_COMMENT = re.compile(r"([^\n#]*?)( {2,})(?=#)")  # the rest of a value, and the blanks before a comment


def migrated(text: str, names: Sequence[Renamed]) -> str:
    """Replace the old names in the text of a YAML file.

    Args:
        text: text of the file.
        names: the old names in the file.

    Returns:
        The new text.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    spans = {span: name.new for name in names if (span := _span(root, name)) is not None}
    for (start, end), new in sorted(spans.items(), reverse=True):
        rest = text[end:]
        if comment := _COMMENT.match(rest):  # keep the comment's column
            blanks = max(2, len(comment[2]) - len(new) + end - start)
            rest = comment[1] + " " * blanks + rest[comment.end() :]
        text = text[:start] + new + rest
    return text


def _span(node: yaml.Node | None, name: Renamed) -> tuple[int, int] | None:
    """Start and end index of an old name in the file's text; None if the name is inherited through a merge key (<<).

    For example, `dpo: {<<: *stage}` inherits the names of `stage`. They are written only where `&stage` is defined.
    """
    for depth, part in enumerate(name.path, start=1):
        pairs = {key.value: (key, value) for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
        if part not in pairs:
            return None
        key, node = pairs[part]
        if depth == len(name.path) and not name.is_value:
            return key.start_mark.index, key.end_mark.index
    return (node.start_mark.index, node.end_mark.index) if node else None


def migrate(path: Path) -> list[Renamed]:
    """Rewrite one config file or task file, and return the names that were replaced.

    Raises:
        UserError: the file is missing, is not a YAML mapping, or has a key under both its old and its new name.
    """
    settings = read_yaml(path)
    kind = "task" if {"recipe", "prompt", "splits"} & set(settings) else "config"
    names = list(old_names(settings, kind))
    for name in names:
        parent = settings
        for key in name.path[:-1]:
            parent = parent[key]
        if not name.is_value and name.new in parent:
            raise UserError(
                f"{path}: key '{name.old}' is now '{name.new}', and the file has both keys. Remove '{name.old}' "
                f"at {'.'.join(map(str, name.path))}. If a `<<` line brings in '{name.old}', rename '{name.old}' in "
                "the block to which this line refers."
            )
    if names:
        with path.open(encoding="utf-8", newline="") as file:  # newline='' keeps the line ends
            text = file.read()
        with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            file.write(migrated(text, names))
    return names


def main(paths: Sequence[str]) -> None:
    """Replace old names in configuration files by their new names, and print the replaced names of each file.

    Args:
        paths: paths of the files.

    Raises:
        SystemExit: no path is given, or a file has a fault that `migrate` refuses.
    """
    if not paths:
        sys.exit(
            "Name the files to rewrite, for example: python -m clinical_dpo.migrate config/mine.yaml "
            "config/tasks/mine.yaml"
        )
    for path in paths:
        try:
            names = migrate(Path(path))
        except UserError as error:
            sys.exit(str(error))
        changes = ", ".join(f"{name.old} -> {name.new}" for name in names)
        sys.stdout.write(f"{path}: {changes or 'nothing to rename'}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
