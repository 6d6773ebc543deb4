"""Jinja templates over a row: sandboxed, strict about what is missing, printing nothing but text and numbers."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from clinical_dpo.errors import PublicError, UserError

ROW = "row"  # all values under one name: row["Chief complaint"]


def _printable(value: Any) -> Any:
    """What `{{ }}` may print; Jinja would print None, lists and generators as Python spells them."""
    if isinstance(value, str | int | float | Undefined) and not isinstance(value, bool):
        return value
    if value is None:
        raise PublicError("{{ }} prints an empty value (null). Test it: {% if field %}{{ field }}{% endif %}.")
    raise PublicError(
        f"{{{{ }}}} prints a {type(value).__name__}, not text. Join a list: {{{{ field | join(', ') }}}}."
    )


_JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, finalize=_printable)
_JINJA.globals.clear()  # a name is a field or nothing


def is_template(text: str) -> bool:
    """Whether a text holds Jinja's marks."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


def used_names(template: str) -> set[str]:
    """The values that a template uses, `row["name"]` included."""
    return _compiled(template)[1]


def render(template: str, values: Mapping[str, Any], noun: str = "field") -> str:
    """A template filled in with `values` (also all together as `row`), without white space around it.

    Raises:
        UserError: the template is not valid, or uses a value that is missing or empty. One that the template tests
            itself (`{% if history %}`, `{{ history | default("none") }}`) may be.
    """
    compiled, used, tested = _compiled(template)
    _check_used(used - tested, values, noun)
    return str(_evaluated(compiled.render, values, noun)).strip()


def evaluate(template: str, values: Mapping[str, Any], noun: str = "field") -> Any:
    """The value, such as a list, of a template that is one `{{ expression }}`.

    Raises:
        UserError: as `render`, or the template is more than one expression.
    """
    _, used, tested = _compiled(template)
    _check_used(used - tested, values, noun)
    return _evaluated(_expression(template), values, noun)


def _check_used(used: set[str], values: Mapping[str, Any], noun: str) -> None:
    for name in sorted(used):
        if name not in values:
            raise UserError(f"{noun} '{name}', which the template uses, is missing. {_here(values, noun)}")
        if values[name] is None or not str(values[name]).strip():
            raise PublicError(f"{noun} '{name}' is empty, and the template needs it. Fill it in, or remove the row.")


def _here(values: Mapping[str, Any], noun: str) -> str:
    return f"{noun.capitalize()}s here: {', '.join(map(str, values))}."


def _evaluated(template: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any], noun: str) -> Any:
    try:
        value = template({ROW: values, **values})
        if isinstance(value, Undefined):
            str(value)  # says what is missing or unsafe
        return list(value) if hasattr(value, "__next__") else value  # what filters such as reject() give runs here
    except UserError:
        raise
    except UndefinedError as error:
        raise UserError(f"the template asks for what is not there: {error}. {_here(values, noun)}") from None
    except Exception as error:  # whatever a user's expression can raise
        raise UserError(f"the template cannot be filled in: {str(error).rstrip('.')}.") from None


@cache
def _compiled(template: str) -> tuple[Template, set[str], set[str]]:
    """A compiled template, the names it uses (`row["name"]` included) and those it can do without."""
    try:
        tree = _JINJA.parse(template)
        compiled = _JINJA.from_string(template)
    except TemplateSyntaxError as error:
        raise PublicError(f"line {error.lineno}: not a valid Jinja template ({error.message}).") from None
    branches: Iterable[Any] = tree.find_all((nodes.If, nodes.CondExpr))
    optional = [
        *(branch.test for branch in branches),
        *(node for node in tree.find_all(nodes.Filter) if node.name in ("default", "d")),
    ]
    tested = {name.name for part in optional for name in _within(part, nodes.Name)}
    return (
        compiled,
        meta.find_undeclared_variables(tree) - {ROW} | _row_items(tree),
        tested.union(*map(_row_items, optional)),
    )


def _within(tree: nodes.Node, kind: type[Any]) -> list[Any]:
    """Nodes of a kind in a tree, itself included."""
    return [node for node in (tree, *tree.find_all(kind)) if isinstance(node, kind)]


def _row_items(tree: nodes.Node) -> set[str]:
    items = [item for item in _within(tree, nodes.Getitem) if isinstance(item.arg, nodes.Const)]
    return {item.arg.value for item in items if isinstance(item.node, nodes.Name) and item.node.name == ROW}


@cache
def _expression(template: str) -> Callable[[Mapping[str, Any]], Any]:
    inner = template.strip().removeprefix("{{").removesuffix("}}")
    try:
        return _JINJA.compile_expression(inner, undefined_to_none=False)
    except TemplateSyntaxError:
        raise PublicError("a list is needed: write one {{ expression }} that gives a list, or a YAML list.") from None
