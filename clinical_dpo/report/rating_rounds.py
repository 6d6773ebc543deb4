"""Texts about the raters' work: the sheet of each rater, where to save the returned file, and agreement of raters."""

from collections.abc import Iterable, Mapping
from typing import Any

from clinical_dpo.io import Row

KAPPAS = ("cohen_kappa", "quadratic_kappa", "fleiss_kappa")


def with_sheet_files(rows: Iterable[Mapping[str, Any]], sheet: str, ratings: str) -> list[Row]:
    """Return the rows with two more columns: `sheet_file` and `returned_file`.

    `sheet_file` is the path of the file to send to the rater. `returned_file` is the path at which to save the file
    that the rater returns.

    Args:
        rows: rows with `task`, `model`, `sheet` and `rater`.
        sheet: path of a sheet, with the wildcards {task}, {model}, {sheet} and {rater}.
        ratings: path of the folder with the ratings of a model's answers, with the wildcards {task} and {model}.
    """
    return [
        {**row, "sheet_file": sheet.format(**row), "returned_file": f"{ratings}/{{sheet}}.{{rater}}.csv".format(**row)}
        for row in rows
    ]


def what_to_send(row: Mapping[str, Any]) -> str:
    """Text that says which file to send to a rater, and where to save the file that the rater returns.

    Args:
        row: row that `with_sheet_files` made.
    """
    return (
        f"send {row['sheet_file']} (or the sheet beside it as .csv, .xlsx or .json) to {row['rater']}; save the "
        f"returned file as {row['returned_file']}"
    )


def agreement_rows(agreement: Iterable[Mapping[str, Any]], titles: Mapping[str, str]) -> list[Row]:
    """Make the page's rows on agreement of raters: one per task, model, sheet, rubric item and group of raters.

    Each row has these columns of text: `kappa`, `alpha` (Krippendorff's) and `icc` (intraclass correlation) with
    intervals, `equal` (the share of equal ratings) and `n` (items). A group of raters with neither kappa nor alpha has
    no row.

    Args:
        agreement: rows of agreement.csv of all tasks, as read from CSV.
        titles: task -> title.
    """
    groups: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for row in agreement:
        group = groups.setdefault(
            (row["task"], row["model"], ": ".join(filter(None, (row["sheet"], row.get("criterion")))), row["raters"]),
            {},
        )
        group[row["metric"]] = row
    table = []
    for (task, model, sheet, raters), by_metric in groups.items():
        alpha = by_metric.get("krippendorff_alpha")
        kappa = next((by_metric[name] for name in KAPPAS if name in by_metric), None)
        if first := kappa or alpha:
            table.append(
                {"task": titles[task], "model": model, "sheet": sheet, "raters": raters.replace(" ", ", ")}
                | {"kappa": _number(kappa, first["n"]), "alpha": _number(alpha, first["n"])}
                | {"icc": _number(by_metric.get("icc_2_1"), first["n"])}
                | {"equal": _share(by_metric.get("raw_agreement")), "n": first["n"]}
            )
    return table


def _number(row: Mapping[str, Any] | None, items: str) -> str:
    """Text of an estimate with its interval, such as "0.71 (0.60 to 0.82)" or "0.71 (0.60 to 0.82), 38 items".

    If `row` is None, the text is a dash. If the row is pending, the text is "awaited". If the row has no estimate, the
    text is "not defined". If the row has no interval, the text has none.

    Args:
        row: row of agreement.csv.
        items: number of items that the page shows. If the row's own number `n` differs, the text shows `n`.
    """
    if row is None:
        return "–"
    if row["status"] == "pending":
        return "awaited"
    if row["estimate"] in (None, ""):
        return "not defined"
    interval = (
        f" ({float(row['ci_low']):.2f} to {float(row['ci_high']):.2f})" if row["ci_low"] not in (None, "") else ""
    )
    of_items = f", {row['n']} items" if row["n"] != items else ""
    return f"{float(row['estimate']):.2f}{interval}".replace("-", "−") + of_items


def _share(row: Mapping[str, Any] | None) -> str:
    return "–" if row is None or row["estimate"] in (None, "") else f"{float(row['estimate']):.0%}"
