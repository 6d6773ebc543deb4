"""Read YAML files strictly. All faults of a file are in one message, with their lines and mends."""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from clinical_dpo.errors import UserError, did_you_mean

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# YAML 1.1 reads these words without quotes as other values than texts.
_OTHER_VALUES: dict[Any, str] = {
    **{bool: "true or false", type(None): "an empty value", int: "a number", float: "a number"},
    datetime.date: "a date",
}


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A loader that lists keys which come twice in a mapping, and keys that are no texts."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.faults: list[str] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Construct a mapping as YAML does, and list its faults."""
        if isinstance(node, yaml.MappingNode):
            self.faults += self._faults(node)
        return super().construct_mapping(node, deep)

    def _faults(self, node: yaml.MappingNode) -> Iterator[str]:
        first: dict[Any, int] = {}
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                yield (
                    f"line {line}: a mapping or a list as a key. Put text with brackets in quotes, such as a template: "
                    '"{{ note }}".'
                )
                continue
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node)
            kind = next((words for kind, words in _OTHER_VALUES.items() if isinstance(key, kind)), None)
            if kind:
                word = key_node.value
                yield f'line {line}: YAML reads the key {word} as {kind}. Put it in quotes: "{word}".'
            if key in first:
                yield f"lines {first[key]} and {line}: key '{key}' comes twice. Remove or rename one of the two."
            first.setdefault(key, line)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that contains a mapping.

    Raises:
        UserError: the file is missing, is not UTF-8 or valid YAML, is not a mapping, has a key twice in one mapping, or
            a key that is no text. The message names the file, all lines, and the mends.
    """
    text = _text(path)
    loader = _StrictLoader(text)
    try:
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else None
        faults = [*loader.faults, *_hash_faults(node, text.split("\n"))]
    except yaml.MarkedYAMLError as error:
        number = error.problem_mark.line if error.problem_mark else 0
        line = dict(enumerate(text.split("\n"))).get(number, "")
        faults = loader.faults or [
            f"line {number + 1}: not valid YAML ({error.problem}). {_mend(str(error.problem), line)}"
        ]
    except ValueError as error:  # a date outside the calendar
        faults = [f"a value is not valid ({error}). If it is a text, put it in quotes."]
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML ({' '.join(str(error).split())}). Remove this character.") from None
    finally:
        loader.dispose()
    if len(faults) == 1:
        raise UserError(f"{path}, {faults[0]}")
    if faults:
        raise UserError("\n".join([f"{path}: {len(faults)} faults", *(f"  {fault}" for fault in faults)]))
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file contains a {type(value).__name__}. Write a YAML mapping (key: value).")
    return value


def _hash_faults(root: Any, lines: list[str]) -> Iterator[str]:
    """Yield the values without quotes that a `#` cuts: YAML reads ` #1` in `Charge #1` as a comment."""
    queue, visited = [root] if root else [], set[int]()
    while queue:
        node = queue.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            queue += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            queue += node.value
        elif not node.style:
            mark = node.end_mark
            rest = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
            if cut := re.match(r"\s+#\w\S*", rest):
                yield (
                    f"line {mark.line + 1}: YAML reads {cut[0].strip()} as a comment. Put the text in quotes, or write "
                    "a comment with a blank after #."
                )


def _text(path: Path) -> str:
    """Return the text of a YAML file, which must be UTF-8."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        known = sorted(file.stem for file in path.parent.glob("*.yaml"))
        raise UserError(f"{path}: no such file.{did_you_mean(path.stem, known)}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}). Name a file that this user may read.") from None
    mend = "Save the file with UTF-8 encoding: in an editor, choose UTF-8 under Save as"
    if raw.startswith(_UTF16):
        raise UserError(f"{path}: the encoding is UTF-16. {mend}; or run: iconv -f utf-16 -t utf-8 {path.name}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        words = " ".join(raw[max(0, error.start - 15) : error.start + 15].decode("cp1252", errors="replace").split())
        raise UserError(
            f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8. {mend}. If '{words}' reads correctly, "
            f"the encoding is cp1252; then this works too: iconv -f cp1252 -t utf-8 {path.name}"
        ) from None


def _mend(problem: str, line: str) -> str:
    """Return a sentence about the likely mend of a fault that YAML's parser reports in a line."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "Indent with blanks, not with tabs."
    if "mapping values are not allowed" in problem:
        return "Put a text that contains a colon and a blank in quotes."
    if "expected ','" in problem:
        return "Close the bracket. If a text of the list contains a blank and #, put it in quotes."
    if "cannot start any token" in problem or "alias" in problem:
        return "Put a text that begins with one of % @ ` & * in quotes."
    return "Correct this line. Check its indentation and quotation marks."
