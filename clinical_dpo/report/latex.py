"""LaTeX tables for a paper: booktabs rules, P values as journals print them, all text escaped."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clinical_dpo.escaping import printable
from clinical_dpo.report.p_values import format_p

_ESCAPES = str.maketrans(
    {sign: rf"\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "\n": " "}
)
LONGEST = 45  # rows; a longer table is broken over pages
SMALL = r"\footnotesize\setlength{\tabcolsep}{3pt}"
FIT_WIDTH = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"  # at most as wide as the text
SENTENCES = ("sentence",)  # columns with whole sentences
Column = str | tuple[str, str]  # one column, or the two columns of an interval


def escape(text: str) -> str:
    """Escape text so that LaTeX prints it literally."""
    return printable(text).translate(_ESCAPES)


def latex_table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[Column, str] | Sequence[str], *, caption: str, label: str
) -> str:
    r"""Return a table in LaTeX with booktabs rules: a float, or a longtable if it has more than LONGEST rows.

    The document needs \usepackage{booktabs,graphicx}. A long table fills landscape pages of its own and needs
    \usepackage{longtable,pdflscape}. A column of numbers is aligned right, a column of words left, and a column of
    SENTENCES is 8 cm wide. A column named p or p_... holds P values. An empty value is a dash. If a table has at least
    two rows, and a column has the same words in all of them, the words move to the caption.

    Args:
        rows: rows as computed or as read from CSV.
        columns: column -> heading, in order; or a list of columns whose names are the headings. A key may also be a
            pair of columns: the lower and the upper limit of an interval, printed in one column as `low to high`.
        caption: plain text.
        label: the label that \ref refers to.
    """
    headings: dict[Column, str] = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    shared = {column: text for column in headings if (text := _shared(rows, column))}
    captions = [caption, *(f"{headings.pop(column)}: {text}." for column, text in shared.items())]
    cells = [[_cell(column, row) for column in headings] for row in rows]
    alignment = "".join(_alignment(column, rows) for column in headings)
    head = [_line(map(escape, headings.values())), r"\midrule"]
    body = [_line(line) for line in cells]
    title = rf"\caption{{{escape(' '.join(captions))}}}\label{{{label}}}"
    if len(rows) > LONGEST:
        top = [
            rf"\begin{{landscape}}{SMALL}",
            rf"\begin{{longtable}}{{{alignment}}}",
            title + r" \\",
            r"\toprule",
            *head,
        ]
        repeated = [r"\endfirsthead", r"\toprule", *head, r"\endhead", r"\bottomrule", r"\endfoot"]
        lines = [*top, *repeated, *body, r"\end{longtable}", r"\end{landscape}"]
    else:
        top = [
            r"\begin{table}",
            r"\centering",
            title,
            SMALL,
            FIT_WIDTH,
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
        ]
        lines = [*top, *head, *body, r"\bottomrule", r"\end{tabular}}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _shared(rows: Sequence[Mapping[str, Any]], column: Column) -> str | None:
    """The text that a column has in every row.

    The result is None if the rows differ, if the values are numbers, or if there is a single row.
    """
    if isinstance(column, tuple) or len(rows) < 2 or not _is_words(rows[0][column]):
        return None
    return str(rows[0][column]) if len({row[column] for row in rows}) == 1 else None


def _alignment(column: Column, rows: Sequence[Mapping[str, Any]]) -> str:
    """LaTeX alignment of a column: "r" for numbers, "l" for words, "p{8cm}" for sentences."""
    if column in SENTENCES:
        return "p{8cm}"
    is_number = isinstance(column, tuple) or not any(_is_words(row[column]) for row in rows)
    return "r" if is_number else "l"


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _is_words(value: Any) -> bool:
    """Whether a value is neither empty nor a number."""
    try:
        float(value or 0)
    except ValueError:
        return True
    return False


def _cell(column: Column, row: Mapping[str, Any]) -> str:
    levels = [float(row[level]) for level in ("threshold", "alpha") if row.get(level)]
    if isinstance(column, tuple):
        ends = [_value(end, row[end]) for end in column]
        return "--" if "--" in ends else " to ".join(ends)
    return _value(column, row[column], levels)


def _value(column: str, value: Any, levels: Sequence[float] = ()) -> str:
    """The LaTeX text of a value in a column.

    P is written as journals print it, with enough digits to show whether it is below each of `levels`. An integer is
    unchanged. Another number has three decimals, or a power of ten if its absolute value is below .001.
    """
    if value in (None, ""):
        return "--"
    if _is_words(value):
        return escape(str(value))
    if column == "p" or column.startswith("p_"):
        return escape(format_p(float(value), *levels))
    number = float(value)
    if number.is_integer() and "." not in str(value):
        return str(value)
    if 0 < abs(number) < 0.001:
        mantissa, exponent = f"{number:.1e}".split("e")
        return rf"${mantissa} \times 10^{{{int(exponent)}}}$"
    return f"{number:.3f}".replace("-", "$-$")


def table_columns(name: str, rows: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[Column, str] | Sequence[str]]:
    """Return the caption and the columns of a table of reports/tables, as `latex_table` takes them.

    The table of metrics has a column of classes if a metric has a row for each class. The table of agreement has a
    column of rubric items if a task has a rubric. For a table that is not in TABLES, the caption is the table's name,
    and all columns are returned.

    Args:
        name: stem of the table's file.
        rows: the table's rows.
    """
    if name not in TABLES:
        return name, list(rows[0]) if rows else []
    caption, columns = TABLES[name]
    if not any(row.get("criterion") for row in rows):
        columns = {column: heading for column, heading in columns.items() if column != "criterion"}
    of_metric = [tuple(row[key] for key in ("task", "model", "variant", "metric")) for row in rows if name == "metrics"]
    if len(set(of_metric)) < len(of_metric):
        shown = list(columns.items())
        columns = dict([*shown[:4], ("positive_class", "Class"), *shown[4:]])
    return caption, columns


TABLES: dict[str, tuple[str, dict[Column, str]]] = {  # stem of a table in reports/tables -> caption, columns
    "metrics": (
        "Every metric of every model and variant on the test items, with 95% confidence intervals.",
        {
            **{"task": "Task", "model": "Model", "variant": "Variant", "metric": "Metric"},
            **{"estimate": "Estimate", ("ci_low", "ci_high"): "95% CI", "n": "n"},
            **{"invalid_rate": "Invalid", "grader": "Grader", "proxy": "Proxy", "data": "Data", "status": "Status"},
        },
    ),
    "stats": (
        "Paired comparisons of the variants on the same test items. P is two-sided and uncorrected, and tests the "
        "difference that column `Of' names. P (F1) is that of a permutation test of F1. P (Holm) is corrected over the "
        "tasks, and P (Holm, study) over tasks, models and comparisons.",
        {
            **{"task": "Task", "model": "Model", "comparison": "Comparison", "test": "Test", "n": "n"},
            **{"effect_measure": "Of", "effect": "Difference", ("effect_ci_low", "effect_ci_high"): "95% CI"},
            **{"p_value": "P", "threshold": "Threshold", "p_f1_permutation": "P (F1)"},
            **{"p_holm": "P (Holm)", "p_holm_study": "P (Holm, study)"},
            **{"smallest_detectable": "Detectable", "grader": "Grader", "proxy": "Proxy"},
            **{"data": "Data", "status": "Status"},
        },
    ),
    "subgroups": (
        "The headline metric and its differences in subgroups of the test items, with 95% confidence intervals. P of a "
        "difference is that of the interaction test, a permutation test. P (Holm) is corrected over the subgroups of a "
        "task. Masked levels have few items.",
        {
            **{"task": "Task", "model": "Model", "compared": "Compared", "measure": "Of", "subgroup": "Subgroup"},
            **{"level": "Level", "n": "n", "masked": "Masked", "estimate": "Estimate", ("ci_low", "ci_high"): "95% CI"},
            **{"p_levels": "P", "p_levels_holm": "P (Holm)", "proxy": "Proxy", "data": "Data", "status": "Status"},
        },
    ),
    "agreement": (
        "Agreement of raters, and of a judge (judge:NAME) with raters, on the same items, with 95% intervals. For "
        "kappas and krippendorff_alpha, 1 is full agreement and 0 is agreement by chance. icc_2_1 is the intraclass "
        "correlation of grades: two-way random effects, absolute agreement, single rater (Shrout and Fleiss 1979).",
        {
            **{"task": "Task", "model": "Model", "sheet": "Sheet", "criterion": "Rubric item"},
            **{"raters": "Raters", "metric": "Measure"},
            **{"estimate": "Estimate", ("ci_low", "ci_high"): "95% CI", "ci_method": "Interval", "n": "n"},
            **{"data": "Data", "status": "Status"},
        },
    ),
    "decisions": (
        "Decisions about the headline metric. The margin is the smallest difference that matters. The limits of the "
        "interval are those of one-sided tests against the margin, at the level of the family.",
        {
            **{
                "task": "Task",
                "model": "Model",
                "comparison": "Comparison",
                "margin": "Margin",
                "effect": "Difference",
            },
            **{("margin_ci_low", "margin_ci_high"): "Interval", "margin_level": "Level", "decision": "Decision"},
            **{"items_to_decide": "Items to decide", "sentence": "Answer", "published": "Published"},
            **{"margin_source": "Margin from", "data": "Data", "status": "Status"},
        },
    ),
}
