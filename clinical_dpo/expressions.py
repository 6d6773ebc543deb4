"""Conditions over the columns of a row: `age >= 18 and sex in ["f", "m"] and row["Ward no."] != ""`.

A condition has Python's syntax but is never run as Python. The module `expression_values` evaluates its syntax tree.
The tree may hold only comparisons, `and`, `or`, `not`, columns, texts, numbers and lists: no call, attribute,
arithmetic or comprehension. Every name is the name of a column.
"""

import ast
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.errors import PublicError, UserError, did_you_mean
from clinical_dpo.expression_values import IN, is_column, row_item, shown, truth
from clinical_dpo.templates import ROW

LONGEST = 1_000  # characters of a condition
_MEND = (
    "Compare columns with texts, numbers or lists, such as `age >= 18 and sex in ['f', 'm']`. Join comparisons by and, "
    "or, not. If the name of a column has other characters than letters, digits and _, write row['Column name']."
)
_LITERALS = {"true": "True", "false": "False", "null": "''", "none": "''"}  # other languages' words


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
        return truth(self.tree, row)


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
        literal = _LITERALS.get(column)
        hint = f" Write {literal}." if literal else did_you_mean(column, known)
        raise UserError(f"column '{column}' is missing.{hint}")
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
    return names | {name for node in ast.walk(tree) if (name := row_item(node)) is not None}


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
            if isinstance(operator, IN) and isinstance(second, ast.List | ast.Tuple):
                for each in second.elts:
                    if not _is_literal(each):
                        raise PublicError(f"'{text}': a list may hold only texts and numbers. {_MEND}")
            else:
                _check_value(second, text)
    elif not is_column(node):
        raise PublicError(f"'{text}': `{shown(node)}` is not a comparison. {_MEND}")


def _check_value(node: ast.expr, text: str) -> None:
    if not (is_column(node) or _is_literal(node)):
        raise PublicError(f"'{text}': `{shown(node)}` is not a column, a text or a number. {_MEND}")


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return isinstance(node.operand, ast.Constant) and type(node.operand.value) in (int, float)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bool)
