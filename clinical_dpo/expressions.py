"""Conditions over the columns of a row: `age >= 18 and sex in ["f", "m"] and row["Ward no."] != ""`.

A condition has Python's syntax but is never run as Python. This module evaluates its syntax tree itself. The tree may
hold only comparisons, `and`, `or`, `not`, columns, texts, numbers and lists: no call, attribute, arithmetic or
comprehension. Every name is the name of a column.
"""

import ast
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.errors import PublicError, UserError, did_you_mean
from clinical_dpo.templates import ROW

LONGEST = 1_000  # characters of a condition
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})?")
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: lambda x, y: x < y,
    ast.LtE: lambda x, y: x <= y,
    ast.Gt: lambda x, y: x > y,
    ast.GtE: lambda x, y: x >= y,
}
_EQUAL = (ast.Eq, ast.NotEq)
_IN = (ast.In, ast.NotIn)
_MEND = (
    "Compare columns with texts, numbers or lists, such as `age >= 18 and sex in ['f', 'm']`. Join comparisons by and, "
    "or, not. Write a column with spaces as row['Column name']."
)


@dataclass(frozen=True)
class Condition:
    """A condition, as read from text.

    Attributes:
        text: the text.
        tree: its syntax tree, of allowed nodes only.
        columns: names of the columns that the condition uses.
    """

    text: str
    tree: ast.expr
    columns: frozenset[str]

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether the condition holds for a row. A column that the row does not have counts as empty.

        White space at either end of a text is ignored. A number equals a text that spells it: 5 equals "5". Two texts
        are equal only if they have the same characters: "5" does not equal "5.0". `<`, `<=`, `>` and `>=` first convert
        texts that spell numbers into numbers: "10" is greater than "9".

        `and` and `or` skip the comparisons that can no longer change the result. For example, `age != "" and age >= 18`
        is false for a row without an age, although `age >= 18` alone is not defined for this row.

        Raises:
            UserError: the condition is not defined for the row, for one of these reasons:

                - `<`, `<=`, `>` or `>=` compares an empty value or a truth value.
                - A number is compared with a text that is not empty and does not spell a number.
                - `==` or `!=` compares a truth value with a number, or with a text that is not empty.
                - `in` searches a value that is neither a list nor a text.
                - `in` searches a text for a number or a truth value.
                - A compared value, or the value before `in`, has a type that cannot be compared, such as a list.
                - A column stands without a comparison, and its value is neither true nor false.
        """
        return _truth(self.tree, row)


@cache
def read_condition(text: str) -> Condition:
    """Parse the text of a condition and check it.

    Raises:
        PublicError: the text is not a condition, or has a part that conditions must not have.
    """
    if len(text) > LONGEST:
        raise PublicError(f"the condition has {len(text)} characters, but at most {LONGEST} are allowed. Shorten it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of escapes in a text, such as "\\d"
            tree = ast.parse(nfc(text.strip()), mode="eval").body
        _check_truth(tree, text)
        return Condition(text, tree, frozenset(_columns(tree)))
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = getattr(error, "msg", None) or "it cannot be parsed"
        raise PublicError(f"'{text}' is not a condition ({reason}). {_MEND}") from None


def kept_rows(rows: Sequence[Mapping[str, Any]], condition: Condition, names: Sequence[str]) -> list[int]:
    """Indices of the rows for which a condition holds.

    Args:
        rows: rows, column -> value.
        condition: the condition.
        names: location of each row, for messages.

    Raises:
        UserError: a column of the condition is missing from all rows, or the condition is not defined for a row. The
            message names the column or the row.
    """
    known = list(dict.fromkeys(name for row in rows for name in row))
    for column in sorted(condition.columns - set(known)):
        raise UserError(f"column '{column}' is missing.{did_you_mean(column, known)}")
    kept = []
    for index, (row, name) in enumerate(zip(rows, names, strict=True)):
        try:
            if condition.holds(row):
                kept.append(index)
        except UserError as error:
            raise error.within(f"{name}: ") from None
    return kept


def _columns(tree: ast.expr) -> set[str]:
    """Names of the columns in a syntax tree, including those written as `row["name"]`."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {ROW}
    return names | {name for node in ast.walk(tree) if (name := _row_item(node)) is not None}


def _row_item(node: ast.AST) -> str | None:
    """The column name in a node `row["name"]`; None for any other node."""
    is_item = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == ROW
    if is_item and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):  # type: ignore[attr-defined]
        return node.slice.value  # type: ignore[attr-defined]
    return None


def _check_truth(node: ast.expr, text: str) -> None:
    """Check that a node of the syntax tree is a valid condition.

    A valid condition is a comparison, a column, or valid conditions combined by `and`, `or` or `not`. A comparison may
    have columns, texts, numbers and truth values on its sides, and a list of literals after `in`. It must not use `is`.

    Args:
        node: the node.
        text: the whole condition, for messages.

    Raises:
        PublicError: the node is not a valid condition.
    """
    if isinstance(node, ast.BoolOp):
        for each in node.values:
            _check_truth(each, text)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check_truth(node.operand, text)
    elif isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        for first, operator, second in zip(operands, node.ops, operands[1:], strict=False):
            if isinstance(operator, ast.Is | ast.IsNot):
                raise PublicError(
                    f"'{text}': a condition must not contain `is`. To test for an empty value, write `column == ''`."
                )
            _check_value(first, text)
            if isinstance(operator, _IN) and isinstance(second, ast.List | ast.Tuple):
                for each in second.elts:
                    if not _is_literal(each):
                        raise PublicError(f"'{text}': a list may hold only texts and numbers. {_MEND}")
            else:
                _check_value(second, text)
    elif not _is_column(node):
        raise PublicError(f"'{text}': `{_shown(node)}` is not a comparison. {_MEND}")


def _check_value(node: ast.expr, text: str) -> None:
    if not (_is_column(node) or _is_literal(node)):
        raise PublicError(f"'{text}': `{_shown(node)}` is not a column, a text or a number. {_MEND}")


def _is_column(node: ast.expr) -> bool:
    return _row_item(node) is not None or (isinstance(node, ast.Name) and node.id != ROW)


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return isinstance(node.operand, ast.Constant) and type(node.operand.value) in (int, float)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bool)


def _shown(node: ast.expr) -> str:
    """A part of a condition as text, cut to 40 characters."""
    shown = ast.unparse(node)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."


def _truth(node: ast.expr, row: Mapping[str, Any]) -> bool:
    if isinstance(node, ast.BoolOp):
        decisive = isinstance(node.op, ast.Or)
        return decisive if any(_truth(each, row) == decisive for each in node.values) else not decisive
    if isinstance(node, ast.UnaryOp):
        return not _truth(node.operand, row)
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
    value = node.value if isinstance(node, ast.Constant) else row.get(_row_item(node) or node.id)  # type: ignore[attr-defined]
    return "" if value is None else _plain(value)


def _plain(value: Any) -> Any:
    """A text without outer white space, in NFC. Any other value is returned unchanged."""
    return nfc(value.strip()) if isinstance(value, str) else value


def _compared(first: ast.expr, operator: ast.cmpop, second: ast.expr, row: Mapping[str, Any]) -> bool:
    left = _value(first, row)
    if isinstance(operator, _IN):
        return _is_in(first, left, second, row) == isinstance(operator, ast.In)
    right = _value(second, row)
    for node, value in ((first, left), (second, right)):
        _check_comparable(node, value)
    if isinstance(operator, _EQUAL):
        return _equal(first, left, second, right) == isinstance(operator, ast.Eq)
    for node, value in ((first, left), (second, right)):
        if value == "" or isinstance(value, bool):
            raise _mistake(
                node, value, "cannot be compared with < or >. If it may be empty, test this first: `x != '' and x >= 1`"
            )
    numbers = number_of(left), number_of(right)
    if None in numbers:
        if not isinstance(left, str) or not isinstance(right, str) or numbers != (None, None):
            wrong = (first, left) if numbers[0] is None else (second, right)
            raise _mistake(
                *wrong,
                "is not a number, but the condition compares it with a number. Correct the value or the condition",
            )
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
                "is not true or false, but the condition compares it with true or false. Compare it with a text or a "
                "number",
            )
        return bool(left is right)
    if "" in (left, right):
        return False
    numbers = number_of(left), number_of(right)
    if None in numbers:
        wrong = (first, left) if numbers[0] is None else (second, right)
        raise _mistake(
            *wrong, "is not a number, but the condition compares it with a number. Correct the value or the condition"
        )
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
        raise _mistake(second, container, "is neither a list nor a text, so `in` cannot search it. Use another column")
    if not isinstance(left, str):
        raise _mistake(first, left, "is not a text, so `in` cannot find it in a text. Put it in quotes")
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


def _mistake(node: ast.expr, value: Any, problem: str) -> UserError:
    """The error about a value in a condition. The public version of its message does not quote the value.

    Args:
        node: the part of the condition that has the value.
        value: the value.
        problem: what is wrong, and the correction.
    """
    name = f"column '{_row_item(node) or getattr(node, 'id', '')}'" if _is_column(node) else f"`{_shown(node)}`"
    quoted = "empty" if value == "" else f"'{str(value)[:40]}'"
    public = "a value of a column" if _is_column(node) else name
    return UserError(
        f"{name} is {quoted} and {problem}.", f"a condition cannot be computed for a row: {public} {problem}."
    )
