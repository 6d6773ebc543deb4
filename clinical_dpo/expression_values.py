"""Compute whether a condition holds for a row, from the condition's syntax tree (see `expressions`)."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.errors import UserError
from clinical_dpo.templates import ROW

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})?")
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: lambda x, y: x < y,
    ast.LtE: lambda x, y: x <= y,
    ast.Gt: lambda x, y: x > y,
    ast.GtE: lambda x, y: x >= y,
}
_EQUAL = (ast.Eq, ast.NotEq)
IN = (ast.In, ast.NotIn)


def row_item(node: ast.AST) -> str | None:
    """The column name in a node `row["name"]`; None for any other node."""
    is_item = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == ROW
    if is_item and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):  # type: ignore[attr-defined]
        return node.slice.value  # type: ignore[attr-defined]
    return None


def is_column(node: ast.expr) -> bool:
    """Whether a node is a column: a name, or `row["name"]`."""
    return row_item(node) is not None or (isinstance(node, ast.Name) and node.id != ROW)


def shown(node: ast.expr) -> str:
    """A part of a condition as text, cut to 40 characters."""
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{text[:40]}..."


def truth(node: ast.expr, row: Mapping[str, Any]) -> bool:
    """Whether a condition holds for a row.

    Args:
        node: the condition's syntax tree, as checked by `read_condition`.
        row: column -> value.

    Raises:
        UserError: the condition is not defined for the row. `Condition.holds` lists the reasons.
    """
    if isinstance(node, ast.BoolOp):
        decisive = isinstance(node.op, ast.Or)
        return decisive if any(truth(each, row) == decisive for each in node.values) else not decisive
    if isinstance(node, ast.UnaryOp):
        return not truth(node.operand, row)
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        pairs = zip(operands, node.ops, operands[1:], strict=False)
        return all(_compared(first, operator, second, row) for first, operator, second in pairs)
    value = _value(node, row)
    if not isinstance(value, bool):
        raise _mistake(node, value, "is neither true nor false. Compare it with a value")
    return value


def _value(node: ast.expr, row: Mapping[str, Any]) -> Any:
    """The value of a column or a literal. Outer white space is removed from texts, and an empty value is ''."""
    if isinstance(node, ast.UnaryOp):
        return -node.operand.value  # type: ignore[attr-defined]
    value = node.value if isinstance(node, ast.Constant) else row.get(row_item(node) or node.id)  # type: ignore[attr-defined]
    return "" if value is None else _plain(value)


def _plain(value: Any) -> Any:
    """A text without outer white space, in NFC. Any other value is returned unchanged."""
    return nfc(value.strip()) if isinstance(value, str) else value


def _compared(first: ast.expr, operator: ast.cmpop, second: ast.expr, row: Mapping[str, Any]) -> bool:
    left = _value(first, row)
    if isinstance(operator, IN):
        return _is_in(first, left, second, row) == isinstance(operator, ast.In)
    right = _value(second, row)
    for node, value in ((first, left), (second, right)):
        _check_comparable(node, value)
    if isinstance(operator, _EQUAL):
        return _equal(first, left, second, right) == isinstance(operator, ast.Eq)
    for node, value in ((first, left), (second, right)):
        if isinstance(value, bool):
            raise _mistake(node, value, "cannot be compared with < or >. Compare it with True or False by == or !=")
        if value == "":
            raise _mistake(
                node, value, "cannot be compared with < or >. If it may be empty, test this first: `x != '' and x >= 1`"
            )
    numbers = number_of(left), number_of(right)
    if None in numbers:
        if not isinstance(left, str) or not isinstance(right, str) or numbers != (None, None):
            raise _no_number(*((first, left) if numbers[0] is None else (second, right)))
        return _ORDER[type(operator)](left, right)
    return _ORDER[type(operator)](*numbers)


def _equal(first: ast.expr, left: Any, second: ast.expr, right: Any) -> bool:
    """Whether two values are equal. Two texts are compared as texts.

    A number is compared with a number, or with a text that spells a number. A truth value is compared with a truth
    value. An empty value equals only ''.

    Args:
        first, second: the two sides in the condition, for messages.
        left, right: their values.

    Raises:
        UserError: a number is compared with a nonempty text that spells no number, or a truth value is compared with a
            nonempty text or a number.
    """
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if isinstance(left, bool) or isinstance(right, bool):
        if type(left) is not type(right) and "" not in (left, right):
            wrong = (second, right) if isinstance(left, bool) else (first, left)
            raise _mistake(
                *wrong,
                "is not true or false, but the condition compares it with true or false. Compare a column of truth "
                "values with True or False, and any other column with a text or a number",
            )
        return bool(left is right)
    if "" in (left, right):
        return False
    numbers = number_of(left), number_of(right)
    if None in numbers:
        raise _no_number(*((first, left) if numbers[0] is None else (second, right)))
    return bool(numbers[0] == numbers[1])


def _is_in(first: ast.expr, left: Any, second: ast.expr, row: Mapping[str, Any]) -> bool:
    """Whether a value is an item of a list or a part of a text.

    Args:
        first, left: the side before `in`, and its value.
        second: the side after `in`: a list of literals, a text, or a column that holds a list or a text.
        row: column -> value.
    """
    _check_comparable(first, left)
    if isinstance(second, ast.List | ast.Tuple):
        return any(_same(left, _value(each, row)) for each in second.elts)
    container = _value(second, row)
    if isinstance(container, list):
        return any(_same(left, _plain(each)) for each in container)
    if not isinstance(container, str):
        raise _mistake(
            second,
            container,
            "is neither a list nor a text, so `in` cannot search it. Write a list, a text or another column after `in`",
        )
    if not isinstance(left, str):
        raise _mistake(
            first,
            left,
            "is not a text, so `in` cannot find it in a text. Write a number before `in` in quotes. Compare a column "
            "with a list, such as `x in [1, 2]`",
        )
    return left in container


def _same(left: Any, right: Any) -> bool:
    """Whether two values are equal texts, equal truth values or equal numbers.

    A text that spells a number equals that number.
    """
    texts, truths = ({isinstance(each, kind) for each in (left, right)} for kind in (str, bool))
    if texts == {True} or True in truths:
        return type(left) is type(right) and bool(left == right)
    if not all(isinstance(each, str | int | float) for each in (left, right)):
        return False
    numbers = number_of(left), number_of(right)
    return None not in numbers and numbers[0] == numbers[1]


def number_of(value: Any) -> int | float | None:
    """The value of a text that is a number in digits, such as "1.5e3"; None for any other text.

    A value that is not a text is returned unchanged.
    """
    if not isinstance(value, str):
        return value
    if not _NUMBER.fullmatch(value):
        return None
    return int(value) if re.fullmatch(r"[+-]?[0-9]+", value) else float(value)


def _check_comparable(node: ast.expr, value: Any) -> None:
    if not isinstance(value, str | int | float):
        raise _mistake(
            node, value, f"has the type {type(value).__name__}, which conditions cannot compare. Use another column"
        )


def _no_number(node: ast.expr, value: Any) -> UserError:
    return _mistake(
        node, value, "is not a number, but the condition compares it with a number. Correct the value or the condition"
    )


def _mistake(node: ast.expr, value: Any, problem: str) -> UserError:
    """The error about a value in a condition. The public version of its message does not quote the value.

    Args:
        node: the part of the condition that has the value.
        value: the value.
        problem: what is wrong, and the correction.
    """
    name = f"column '{row_item(node) or getattr(node, 'id', '')}'" if is_column(node) else f"`{shown(node)}`"
    quoted = "empty" if value == "" else f"'{str(value)[:40]}'"
    public = "a value of a column" if is_column(node) else name
    return UserError(
        f"{name} is {quoted} and {problem}.", f"a condition cannot be computed for a row: {public} {problem}."
    )
