"""Fill in Jinja templates from a row.

Templates run in a sandbox, refuse missing values, and print only text and numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from clinical_dpo.comparable import compared_in_nfc, nfc
from clinical_dpo.errors import PublicError, UserError

ROW = "row"  # name in a template of the mapping of all values, as in row["Chief complaint"]


def _printable(value: Any) -> Any:
    """Return the value if `{{ }}` may print it.

    Refuse every other value, such as None, True or a list, because Jinja would print its `repr`.

    Raises:
        PublicError: the value is neither text nor a number.
    """
    if isinstance(value, str | int | float | Undefined) and not isinstance(value, bool):
        return value
    if value is None:
        raise PublicError(
            "the template prints a field whose value is empty (null). Print a field only if it has a value: "
            "{% if field %}{{ field }}{% endif %}."
        )
    if isinstance(value, dict):
        mend = "Name one of its members: {{ field.member }}."
    elif isinstance(value, bool):
        mend = "Write a word for each value: {{ 'yes' if field else 'no' }}."
    else:
        mend = "Join a list: {{ field | join(', ') }}."
    raise PublicError(f"{{{{ }}}} prints a {type(value).__name__}, not text. {mend}")


_JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, finalize=_printable)
_JINJA.globals.clear()  # without Jinja's global names, every name is a field


def is_template(text: str) -> bool:
    """Whether a text contains Jinja delimiters."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


def used_names(template: str) -> set[str]:
    """Names of the values that a template uses, including those written as `row["name"]`."""
    return _compiled(template)[1]


def mapped_columns(mapping: str | Sequence[str]) -> set[str]:
    """Return the names of the columns that a field's mapping uses. A path is returned whole: `"a.b" -> {"a.b"}`."""
    if not isinstance(mapping, str):
        return set().union(*map(mapped_columns, mapping))
    return used_names(mapping) if is_template(mapping) else {nfc(mapping)}


def columns_used_by(mappings: Mapping[str, str | Sequence[str]]) -> set[str]:
    """Return the names of the columns that some mappings use. A path is returned whole: `"a.b" -> {"a.b"}`.

    Args:
        mappings: key of the task file, such as `columns.label` -> its value.

    Raises:
        UserError: a template is not valid. The message names the key.
    """
    used = set[str]()
    for key, mapping in mappings.items():
        try:
            used |= mapped_columns(mapping)
        except UserError as error:
            raise error.within(f"key '{key}': ") from None
    return used


def render(template: str, values: Mapping[str, Any], noun: str = "field") -> str:
    """Fill in a template, and strip white space around the result.

    Args:
        template: text of the template.
        values: name -> value. The template can use the whole mapping as `row`.
        noun: what error messages call a value, `field` or `column`.

    Raises:
        UserError: the template is not valid, or uses a value that is missing or empty. Values that the template itself
            tests (`{% if history %}`, `{{ history | default("none") }}`) may be missing or empty.
    """
    compiled, used, tested = _compiled(template)
    _check_used(used - tested, values, noun)
    return str(_evaluated(compiled.render, values, noun)).strip()


def evaluate(template: str, values: Mapping[str, Any], noun: str = "field") -> Any:
    """Evaluate a template that is exactly one `{{ expression }}`, and return the value, such as a list.

    Args:
        template: text of the template.
        values: name -> value. The template can use the whole mapping as `row`.
        noun: what error messages call a value, `field` or `column`.

    Raises:
        UserError: the template is not exactly one valid expression, or uses a value that is missing or empty.
    """
    _, used, tested = _compiled(template)
    _check_used(used - tested, values, noun)
    return _evaluated(_expression(template), values, noun)


def _check_used(used: set[str], values: Mapping[str, Any], noun: str) -> None:
    """Refuse a row in which a value that the template uses is missing or empty.

    Args:
        used: names of the values that must be there.
        values: name -> value.
        noun: what error messages call a value, `field` or `column`.

    Raises:
        UserError: a value is missing or empty.
    """
    for name in sorted(used):
        if name not in values:
            raise UserError(
                f"{noun} '{name}' is missing, and the template uses it. Add it, or correct the name in the template. "
                f"{_known(values, noun)}"
            )
        if values[name] is None or not str(values[name]).strip():
            raise PublicError(
                f"{noun} '{name}' is empty, and the template needs it. Fill it in, or remove the row. If it may be "
                f"empty, test it in the template: {{% if NAME %}}{{{{ NAME }}}}{{% endif %}}."
            )


def _known(values: Mapping[str, Any], noun: str) -> str:
    """A sentence with the names of the values, for error messages: "Fields here: age, sex." if `noun` is "field"."""
    return f"{noun.capitalize()}s here: {', '.join(map(str, values))}."


def _evaluated(template: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any], noun: str) -> Any:
    """Call a compiled template or expression. A generator is returned as a list. Jinja's errors become UserErrors."""
    try:
        compared = {name: compared_in_nfc(value) for name, value in values.items()}
        value = template({ROW: compared, **compared})
        if isinstance(value, Undefined):
            str(value)  # raises an error that names the missing or unsafe value
        return list(value) if hasattr(value, "__next__") else value  # runs the generators of filters such as reject()
    except UserError:
        raise
    except UndefinedError as error:
        raise UserError(
            f"the template uses a value that is missing: {error}. Add it, or correct its name. If some rows lack "
            f"the value, test it in the template: {{% if NAME is defined %}}. {_known(values, noun)}"
        ) from None
    except Exception as error:  # a user's expression can raise any error
        raise UserError(f"the template cannot be filled in: {str(error).rstrip('.')}. Correct the template.") from None


@cache
def _compiled(template: str) -> tuple[Template, set[str], set[str]]:
    """Compile a template.

    Returns:
        The compiled template, the names that it uses, and the names that may be missing or empty. Both sets of names
        include names written as `row["name"]`.
    """
    try:
        tree = _JINJA.parse(nfc(template))
        compiled = _JINJA.from_string(nfc(template))
    except TemplateSyntaxError as error:
        raise PublicError(
            f"line {error.lineno}: not a valid Jinja template ({error.message}). Correct the template."
        ) from None
    branches: Iterable[Any] = tree.find_all((nodes.If, nodes.CondExpr))
    optional = [
        *(branch.test for branch in branches),
        *(node for node in tree.find_all(nodes.Filter) if node.name in ("default", "d")),
    ]
    tested = {name.name for part in optional for name in _within(part, nodes.Name)}
    return (
        compiled,
        meta.find_undeclared_variables(tree) - {ROW} | _row_items(tree),
        tested.union(_optional_row_items(tree), *map(_row_items, optional)),
    )


def _within(tree: nodes.Node, kind: type[Any]) -> list[Any]:
    """All nodes of a kind in a tree, including the root."""
    return [node for node in (tree, *tree.find_all(kind)) if isinstance(node, kind)]


def uses_whole_row(template: str) -> bool:
    """Whether a template uses `row` without the name of a column, such as in `row.items()`.

    The filled-in text of such a template may depend on every column.
    """
    if not is_template(template):
        return False
    _compiled(template)  # refuses a template that is not valid
    tree = _JINJA.parse(nfc(template))
    rows = [name for name in tree.find_all(nodes.Name) if name.name == ROW and name.ctx == "load"]
    return len(rows) > len(_row_accesses(tree))


def _row_items(tree: nodes.Node) -> set[str]:
    """Names that a syntax tree uses as items of `row`: `row["name"]`, `row.name` or `row.get("name")`."""
    return {name for _, name in _row_accesses(tree)}


def _optional_row_items(tree: nodes.Node) -> set[str]:
    """Names of the columns that a tree uses as `row.get("name")`. A row may lack such a column."""
    return {name for node, name in _row_accesses(tree) if isinstance(node, nodes.Call)}


def _row_accesses(tree: nodes.Node) -> list[tuple[nodes.Node, str]]:
    """The nodes of a tree that use one item of `row`, each with the name of the item."""
    accesses: list[tuple[nodes.Node, str]] = []
    for node in _within(tree, nodes.Expr):
        if isinstance(node, nodes.Getitem) and _is_row(node.node) and isinstance(node.arg, nodes.Const):
            accesses.append((node, str(node.arg.value)))
        elif isinstance(node, nodes.Getattr) and _is_row(node.node) and not hasattr(dict, node.attr):
            accesses.append((node, node.attr))
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.args:
            method, first = node.node, node.args[0]
            if _is_row(method.node) and method.attr == "get" and isinstance(first, nodes.Const):
                accesses.append((node, str(first.value)))
    return accesses


def _is_row(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == ROW


@cache
def _expression(template: str) -> Callable[[Mapping[str, Any]], Any]:
    """Compile a template that is exactly one expression."""
    inner = nfc(template).strip().removeprefix("{{").removesuffix("}}")
    try:
        return _JINJA.compile_expression(inner, undefined_to_none=False)
    except TemplateSyntaxError:
        raise PublicError(
            "the template is not exactly one {{ expression }}. Write a YAML list, or exactly one {{ expression }} "
            "whose value is a list."
        ) from None
