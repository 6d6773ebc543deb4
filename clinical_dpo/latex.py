"""Tables as LaTeX for a paper: booktabs rules, P values as journals print them, everything else escaped."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clinical_dpo.significance import format_p

_ESCAPES = str.maketrans(
    {sign: rf"\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "\n": " "}
)
LONGEST = 40  # rows: a longer table breaks over pages


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands."""
    return text.translate(_ESCAPES)


def latex_table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str] | Sequence[str], *, caption: str, label: str
) -> str:
    r"""A table with booktabs rules, as a float, or as a longtable above LONGEST rows.

    The document needs \usepackage{booktabs} and, for a long table, \usepackage{longtable}. Columns of numbers stand
    right, all others left; a column named p or p_... holds P values; nothing is a dash.

    Args:
        rows: rows as made or as read from CSV.
        columns: column -> its heading, in order; or the columns alone, each its own heading.
        caption: plain text.
        label: what \ref takes.
    """
    headings = columns if isinstance(columns, Mapping) else {column: column for column in columns}
    cells = [[_cell(column, row[column]) for column in headings] for row in rows]
    numeric = [all(_is_number(row[column]) or row[column] in (None, "") for row in rows) for column in headings]
    places = "".join("r" if is_number else "l" for is_number in numeric)
    head = [_line(map(escape, headings.values())), r"\midrule"]
    body = [_line(line) for line in cells]
    title = rf"\caption{{{escape(caption)}}}\label{{{label}}}"
    if len(rows) > LONGEST:
        top = [rf"\begin{{longtable}}{{{places}}}", title + r" \\", r"\toprule", *head, r"\endfirsthead"]
        again = [r"\toprule", *head, r"\endhead", r"\bottomrule", r"\endfoot"]
        lines = [*top, *again, *body, r"\end{longtable}"]
    else:
        top = [r"\begin{table}", r"\centering", title, rf"\begin{{tabular}}{{{places}}}", r"\toprule"]
        lines = [*top, *head, *body, r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _cell(column: str, value: Any) -> str:
    """A P as printed, whole numbers as they are, others with three decimals, or in powers of ten below .001."""
    if value in (None, ""):
        return "--"
    if not _is_number(value):
        return escape(str(value))
    if column == "p" or column.startswith("p_"):
        return escape(format_p(float(value)))
    number = float(value)
    if number.is_integer() and "." not in str(value):
        return str(value)
    if 0 < abs(number) < 0.001:
        mantissa, exponent = f"{number:.1e}".split("e")
        return rf"${mantissa} \times 10^{{{int(exponent)}}}$"
    return f"{number:.3f}".replace("-", "$-$")


TABLES: dict[str, tuple[str, dict[str, str]]] = {  # stem of a table in reports/tables -> caption, columns of a paper
    "metrics": (
        "Every metric of every model and variant on the test items, with 95% confidence intervals.",
        {
            **{"task": "Task", "model": "Model", "variant": "Variant", "metric": "Metric"},
            **{"estimate": "Estimate", "ci_low": "95% CI low", "ci_high": "95% CI high", "n": "n"},
            **{"invalid_rate": "Invalid", "grader": "Grader", "data": "Data", "status": "Status"},
        },
    ),
    "stats": (
        "Paired comparisons of the variants on the same test items; P two-sided and uncorrected.",
        {
            **{"task": "Task", "model": "Model", "comparison": "Comparison", "test": "Test", "n": "n"},
            **{"effect": "Difference", "effect_ci_low": "95% CI low", "effect_ci_high": "95% CI high"},
            **{"p_value": "P", "p_holm": "P (Holm)", "threshold": "Threshold"},
            **{"smallest_detectable": "Detectable", "data": "Data", "status": "Status"},
        },
    ),
}
