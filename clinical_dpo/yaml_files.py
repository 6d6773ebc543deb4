"""Read YAML files strictly. One message reports all faults of a file, with their lines and corrections."""

import codecs
import datetime
import re
import shlex
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from clinical_dpo.errors import UserError, did_you_mean, unreadable_file

_MARKS = {  # byte-order mark -> encoding; UTF-32 comes first, because its mark begins with the mark of UTF-16
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# Type of a key that YAML does not read as text -> name of this type in messages.
_OTHER_VALUES: dict[Any, str] = {
    **{bool: "true or false", type(None): "an empty value", int: "a number", float: "a number"},
    datetime.date: "a date",
}


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A YAML loader that lists faults: keys that come twice in a mapping, keys that are not text, impossible values."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.faults: list[str] = []

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Construct a value as YAML does.

        For an impossible value, such as the date 2026-02-30, record a fault and return None.
        """
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            line = node.start_mark.line + 1
            self.faults.append(f"line {line}: {node.value} is not valid ({error}). If it is a text, put it in quotes.")
            return None

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Construct a mapping as YAML does. Record a fault for each key that comes twice or is not text."""
        if isinstance(node, yaml.MappingNode):
            self.faults += self._faults(node)
        return super().construct_mapping(node, deep)

    def _faults(self, node: yaml.MappingNode) -> Iterator[str]:
        first: dict[Any, int] = {}  # (type, key) -> line of its first occurrence; the type, because True equals 1
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                yield (
                    f"line {line}: YAML reads a mapping or a list as a key. If a text begins with a bracket, put it in "
                    'quotes: "{{ note }}".'
                )
                continue
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node)
            kind = next((words for kind, words in _OTHER_VALUES.items() if isinstance(key, kind)), None)
            if kind:
                word = key_node.value
                yield f'line {line}: YAML reads the key {word} as {kind}. Put it in quotes: "{word}".'
            same = (type(key), unicodedata.normalize("NFC", key) if isinstance(key, str) else key)
            if same in first:
                lines = f"lines {first[same]} and {line}" if first[same] != line else f"line {line}"
                yield f"{lines}: key '{key}' comes twice. Remove or rename one of the two."
            first.setdefault(same, line)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that contains a mapping.

    Raises:
        UserError: the file is missing, is not UTF-8 or valid YAML, is not a mapping, has a key twice in one mapping, or
            has a key that is not text. The message names the file, all faulty lines, and the corrections.
    """
    text = _text(path)
    loader = _StrictLoader(text)
    try:
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else None
        faults = [*loader.faults, *_text_faults(node, text.split("\n")), *_anchor_faults(text)]
    except yaml.MarkedYAMLError as error:
        faults = loader.faults or [_syntax_fault(error, text.split("\n"))]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(f"{path}, line {line}: not valid YAML (a control character). Remove this character.") from None
    finally:
        loader.dispose()
    faults.sort(key=lambda fault: int(re.findall(r"\d+", fault)[0]))
    if len(faults) == 1:
        raise UserError(f"{path}, {faults[0]}")
    if faults:
        raise UserError("\n".join([f"{path}: {len(faults)} faults", *(f"  {fault}" for fault in faults)]))
    if not isinstance(value, dict):
        content = {type(None): "nothing", list: "a list", str: "one text"}.get(type(value), "one value")
        raise UserError(f"{path}: the file contains {content}. Write a YAML mapping: a key, a colon, a space, a value.")
    return value


def _text_faults(root: Any, lines: list[str]) -> Iterator[str]:
    """Yield a message for each place where YAML probably misreads a text without quotes.

    There are two cases. In `Charge #1`, YAML reads ` #1` as a comment. If the dash of a list item is indented too far,
    YAML joins the item's line to the text above.
    """
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
            if cut := re.match(r"\s+#[^\s#]*\w\S*", rest):
                yield (
                    f"line {mark.line + 1}: YAML reads {cut[0].strip()} as a comment. If it is a part of the text, put "
                    "the text in quotes. If it is a comment, write a blank after #."
                )
            for number, line in enumerate(lines[node.start_mark.line + 1 : mark.line + 1], node.start_mark.line + 2):
                if line.lstrip().startswith("- "):
                    yield (
                        f"line {number}: YAML joins this line to the text above. If the line is an item of a list, "
                        "indent its dash as far as the other dashes. Otherwise, put the whole text in quotes."
                    )


def _anchor_faults(text: str) -> Iterator[str]:
    """Yield a fault for each text that begins with an unused anchor: a word such as `&ward` that no alias refers to.

    YAML takes such a word for the name of the text, and drops the word from the text.
    """
    if "&" not in text:
        return
    events = list(yaml.parse(text, Loader=_StrictLoader))
    used = {event.anchor for event in events if isinstance(event, yaml.AliasEvent)}
    for event in events:
        name, mark = getattr(event, "anchor", None), event.start_mark
        if name and name not in used and isinstance(event, yaml.ScalarEvent):
            yield (
                f"line {mark.line + 1 if mark else 1}: YAML reads &{name} as a name, not as a part of the text. "
                "If a text begins with &, put it in quotes."
            )


def _text(path: Path) -> str:
    """Read the text of a YAML file.

    Raises:
        UserError: the file is missing, cannot be read, or is not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        known = sorted(file.stem for file in path.parent.glob("*.yaml"))
        raise UserError(f"{path}: no such file.{did_you_mean(path.stem, known)}") from None
    except OSError as error:
        raise unreadable_file(path, error) from None
    mend = "Save the file with UTF-8 encoding: in an editor, choose UTF-8 under Save as"
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)
    if not encoding and b"\0" in raw[:4]:
        encoding = "UTF-16LE" if raw[1:2] == b"\0" else "UTF-16BE"
    if encoding:
        raise UserError(f"{path}: the encoding is {encoding}. {mend}; or run: {_conversion(path, encoding)}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        words = " ".join(raw[max(0, error.start - 15) : error.start + 15].decode("cp1252", errors="replace").split())
        raise UserError(
            f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8. {mend}. In the encoding cp1252, the "
            f"text there is '{words}'. If this text is correct, the encoding is cp1252, and you can run instead: "
            f"{_conversion(path, 'cp1252')}"
        ) from None


def _conversion(path: Path, encoding: str) -> str:
    """Return the shell commands that convert a text file to UTF-8."""
    file, new = shlex.quote(str(path)), shlex.quote(f"{path}.utf8")
    return f"iconv -f {encoding.lower()} -t utf-8 {file} > {new} && mv {new} {file}"


def _syntax_fault(error: yaml.MarkedYAMLError, lines: list[str]) -> str:
    """Return a message about an error of YAML's parser: the line, the cause and the likely correction."""
    mark = error.problem_mark
    if "end of stream" in str(error.problem) and error.context_mark:
        mark = error.context_mark  # where the text begins
    number = mark.line if mark else 0
    mend = _mend(str(error.problem), dict(enumerate(lines)).get(number, ""))
    return f"line {number + 1}: not valid YAML ({error.problem}). {mend}"


def _mend(problem: str, line: str) -> str:
    """Return a sentence with the likely correction of a fault that YAML's parser reports in a line."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "Indent with blanks, not with tabs."
    if "mapping values are not allowed" in problem:
        return (
            "If a text contains a colon and a blank, put the text in quotes. Otherwise, correct the indentation, and "
            "write a blank after the colon of the line before."
        )
    mends = {  # part of the problem -> mend
        "end of stream": "Close the quotation mark that this line opens.",
        "expected ','": "Close the bracket. If a text of the list contains a blank and #, put it in quotes.",
        "node content": "If a text begins with # or a comma, put it in quotes.",
        "cannot start any token": "If a text begins with one of % @ ` & *, put it in quotes.",
        "alias": "If a text begins with one of % @ ` & *, put it in quotes.",
        "constructor for the tag": "If a text begins with !, put it in quotes.",
        "comment or line break": "If a text begins with > or |, put it in quotes.",
        "escape": "If the text is a path, put it in single quotes. Otherwise, write each backslash twice.",
        "another document": "Remove the line ---, and put everything into one mapping.",
    }
    known = next((mend for part, mend in mends.items() if part in problem), None)
    if known:
        return known
    if "{{" in line:
        return "Put a template in quotes."
    if re.match(r"\s*-[^-\s]", line):
        return "Write a blank after the dash of a list."
    if re.search(r"\w'\w", line):
        return "If a text has an apostrophe, put the text in double quotes."
    return "Correct this line. Check its indentation and quotation marks."
