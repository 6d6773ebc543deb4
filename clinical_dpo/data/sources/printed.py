"""Parse a text that holds a printed value: a list, an object, bytes or a text with escapes.

The value is in the form in which Python prints it or JSON writes it.
"""

import ast
import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

from clinical_dpo.data.sources.escapes import escapes

_LONGEST = 100_000  # characters
_WRAPPED = re.compile(r"(?:bytearray|[bB])(?=\(?['\"])|(?:np\.|numpy\.)?(?:array|OrderedDict|deque|Counter)\(")
_LITERAL = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(\s+(?=['"]))?""", re.DOTALL)
_NAMES = {"nan": None, "NaN": None, "NaT": None, "null": None, "none": None, "true": True, "false": False}


def printed_value(text: str) -> Any:
    """Parse a list, an object, bytes or a text with escapes, as Python prints it or as JSON writes it.

    Bytes are returned as text. A NumPy array of texts is printed without commas; the result is the list of the texts.

    Returns:
        The parsed value; None if `text` is not such a value. The result is also None for an empty list, an empty
        object, a list of only numbers, booleans and nulls (such as [1]), and a value of more than _LONGEST characters.
    """
    bare = text.strip()
    ends = bare[:1] + bare[-1:]
    quoted = ends in ("''", '""') and bool(escapes(bare[1:-1]))
    if not 2 <= len(bare) <= _LONGEST or not (ends in ("[]", "{}", "()") or quoted or _WRAPPED.match(bare)):
        return None
    for read in (json.loads, _python_value):
        try:
            value = read(bare)
            if isinstance(value, str) and (quoted or _WRAPPED.match(bare)):
                return value
            value = json.loads(json.dumps(value, allow_nan=False))
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, list | dict) and value and _has_text(value):
            return value
    return None


def decoded(raw: bytes) -> str:
    """Decode bytes as UTF-8, or as Windows-1252 if they are not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _has_text(value: Any) -> bool:
    """Whether a value is a dict, or a list in which at least one element is a text, a list or a dict.

    A list of numbers such as [1] does not count, because it may be a citation.
    """
    return isinstance(value, Mapping) or any(isinstance(part, str | list | dict) for part in value)


def _python_value(text: str) -> Any:
    separated = _LITERAL.sub(lambda match: match[1] + (f",{match[2]}" if match[2] else ""), text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an escape that Python does not know, such as "\\d"
        return _value(ast.parse(separated, mode="eval").body)


def _value(node: ast.expr) -> Any:
    """Return the value of a syntax tree of literals and calls.

    A call with one argument, such as `Timestamp('2026-05-01')`, has the value of the argument. A call with several
    literals, such as `datetime.date(2026, 5, 1)`, stays as text.

    Raises:
        ValueError: a part of the tree is neither a literal nor such a call.
    """
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(part) for part in node.elts]
    if isinstance(node, ast.Set):
        return sorted(map(_value, node.elts), key=str)
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {str(_value(key)): _value(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return _value(node.args[0])
    if isinstance(node, ast.Call) and all(isinstance(part, ast.Constant) for part in node.args):
        return ast.unparse(node)  # a call such as datetime.date(2026, 5, 1) stays as written
    value = ast.literal_eval(node)
    return decoded(value) if isinstance(value, bytes) else value
