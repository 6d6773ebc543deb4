"""Write the data card of a task: the source and counts of the task's rows, and the results of checks.

Texts are not shown, except short excerpts of repaired texts of a task that is not private.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.data_checks.excerpts import EXCERPTS
from clinical_dpo.data_checks.patient_columns import is_named_like_patients
from clinical_dpo.data_checks.thresholds import CHECKS
from clinical_dpo.escaping import Markdown, markdown, markdown_table
from clinical_dpo.tokenization.lengths import RowLength, quantile

QUANTILES = {"5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95, "longest": 1.0}


def data_card(
    task: Mapping[str, Any],
    manifest: Mapping[str, Any],
    lengths: Mapping[str, Sequence[RowLength]],
    checks: Sequence[Mapping[str, Any]],
) -> str:
    """Return the data card as a Markdown page.

    Args:
        task: `name`, `title` and, if the task file has them, `description`, `licence`, `citation`, `download_size` and
            `phi`.
        manifest: content of data/manifest.json.
        lengths: model -> token lengths of the rows of all splits.
        checks: results of the checks, as rows with the columns `thresholds.COLUMNS`.
    """
    source = manifest["source"]
    parts = [f"# Data of {markdown(task['name'])}: {markdown(task['title'])}"]
    parts += [markdown(task["description"])] if "description" in task else []
    if task.get("phi"):
        parts.append("**Private: these rows are of patients. This page contains none of their text.**")
    if source["data"] == "synthetic":
        parts.append("**Generated text: it is no evidence about medicine.**")
    origin = _source(task, source) + _generated_fields(manifest.get("texts", {}))
    parts += [
        "## Source",
        markdown_table(("", ""), origin),
        "## Rows",
        markdown_table(("", "rows"), _row_counts(manifest)),
    ]
    parts += _texts(source, bool(task.get("phi")))
    if "groups" not in manifest and any(map(is_named_like_patients, source.get("unread", {}))):
        parts.append(
            "**A column of patients' ids is not read, so the check `patients_in_training` does not cover it.**"
        )
    parts += ["## Splits", _splits(manifest), "## Tokens", _tokens(lengths), "## Checks", _checks(checks)]
    return "\n\n".join(parts) + "\n"


def _source(task: Mapping[str, Any], source: Mapping[str, Any]) -> list[tuple[str, Any]]:
    digest = source.get("sha256", "")  # for a data set on the hub, path -> digest
    facts = {
        "kind": source["kind"],
        "data set": source.get("id"),
        "configuration": source.get("config"),
        "revision": source.get("revision"),
        "publisher's splits": ", ".join(source.get("splits") or []),
        "file": source.get("path"),
        "sheet": source.get("sheet"),
        "SHA-256": digest
        if isinstance(digest, str)
        else "; ".join(f"{path}: {value}" for path, value in digest.items()),
        "encoding": source.get("encoding"),
        "generator": source.get("generator"),
        "seed": source.get("seed"),
        "label noise": source.get("label_noise"),
    }
    if source["data"] == "real":
        facts |= {
            "licence": task.get("licence", "not stated in the task file"),
            "citation": task.get("citation"),
            "download": task.get("download_size"),
        }
    return [(name, value) for name, value in facts.items() if value not in (None, "")]


def _generated_fields(fields: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Return a table row for each field that a model or an endpoint wrote.

    A table row has two cells: the field's name; and the writer, with the number of texts that were cut off.
    """
    return [
        (f"field '{name}'", f"written by {field['written_by']}, {field['cut']} of {field['texts']} texts cut off")
        for name, field in fields.items()
    ]


def _row_counts(manifest: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return a description and a number of rows for each step from the source to the splits."""
    source = manifest["source"]
    counts: list[tuple[str, Any]] = [("in the source", source["rows"])]
    counts += [("drawn", source["sampled"])] if "sampled" in source else []
    counts += [(f"dropped: {reason}", count) for reason, count in source.get("drops", {}).items()]
    if "published_share" in source:
        n = source.get("sampled", source["rows"])
        kept = n - sum(source["drops"].values())
        counts.append(("kept by the reader", f"{kept:,} of {n:,} ({kept / n:.0%}); {source['published_share']}"))
    if where := source.get("where"):
        counts += [(f"kept by where: {where['condition']}", where["kept"]), ("dropped by where", where["dropped"])]
    for repairs in (source.get("repairs", {}), manifest.get("repairs", {})):
        counts += [(f"repaired: {description}", repair["count"]) for description, repair in repairs.items()]
    counts += [
        ("dropped: repeats of an earlier prompt", manifest["duplicates_removed"]),
        ("of these repeats, with another answer than the earlier prompt", manifest["conflicting_duplicates"]),
        ("in no split", manifest["unused"]),
    ]
    if manifest["shrunk"]:
        configured = ", ".join(f"{name} {size}" for name, size in manifest["shrunk"]["asked"].items())
        counts.append(
            (f"in splits that were shrunk from the configured sizes ({configured})", manifest["shrunk"]["have"])
        )
    return counts


def _texts(source: Mapping[str, Any], private: bool) -> list[str]:
    """Return the paragraphs (Markdown) of the section "Texts", which lists faults of the source's texts.

    Without faults, the list is empty. A table has a row for each fault. It shows how many texts have the fault, the
    numbers of the first rows that have it, and the setting that can repair it, if there is one. For a repaired fault it
    also shows excerpts of the first repaired text, before and after the repair. Below the table are the reasons why
    the import left out columns. If `private`, excerpts and reasons are left out, because they quote texts.
    """
    changes = source.get("changes", {})
    faults = [(name, "kept", entry) for name, entry in source.get("warnings", {}).items()]
    repaired = {f"{fault} repaired": fault for fault in changes}
    faults += [
        (repaired[name], "repaired", entry) for name, entry in source.get("repairs", {}).items() if name in repaired
    ]
    if not faults:
        return []
    rows = []
    for fault, outcome, entry in faults:
        numbers = entry.get("rows", [])
        more = ", ..." if entry["count"] > len(numbers) else ""
        excerpts = changes.get(fault, {}) if outcome == "repaired" else {}
        shown = [_visible(excerpts.get(key, "")) for key in ("before", "after")] if not private else []
        mend = f"repair: [{entry['repair']}]" if "repair" in entry else ""
        rows.append((fault, outcome, entry["count"], f"{', '.join(map(str, numbers))}{more}", mend, *shown))
    header = ("fault of texts", "", "texts", "rows", "mend", *(() if private else EXCERPTS))
    reasons = [] if private else [markdown(reason) for reason in source.get("unread", {}).values()]
    return [
        "## Texts",
        markdown_table(header, rows),
        "To repair a fault, write the entry of the column `mend` under `source` of the task file.",
        *reasons,
    ]


def _visible(text: str) -> str:
    """Return a text in which visible signs replace line ends and tabs."""
    return text.replace("\n", "↵").replace("\t", "⇥")


def _splits(manifest: Mapping[str, Any]) -> str:
    labels = sorted({label for counts in manifest["labels"].values() for label in counts})
    rows = []
    for split, count in manifest["counts"].items():
        shares = [manifest["labels"][split].get(label, 0) for label in labels]
        rows.append((split, count, *(f"{n} ({n / count:.0%})" if count else 0 for n in shares)))
    if groups := manifest.get("groups"):
        rows = [(*row, groups[row[0]]) for row in rows]
        labels = [*labels, "groups"]
    digests = markdown_table(
        ("file", "SHA-256"), [(f"{split}.jsonl", digest) for split, digest in manifest["sha256"].items()]
    )
    return f"{markdown_table(('split', 'rows', *labels), rows)}\n\n{digests}"


def _tokens(lengths: Mapping[str, Sequence[RowLength]]) -> str:
    rows = []
    for model, measured in lengths.items():
        for part in ("prompt", "answer"):
            values = [(getattr(length, part), length.weight) for length in measured]
            quantiles = [quantile(values, share) for share in QUANTILES.values()] if values else []
            rows.append((model, part, *quantiles))
    table = markdown_table(("model", "", *QUANTILES), rows)
    largest_weight = max((length.weight for measured in lengths.values() for length in measured), default=1)
    if largest_weight == 1:
        return table
    counted = max(map(len, lengths.values()))
    return f"{table}\n\nCounted on {counted:,} rows: the longest rows, and evenly spaced ones of the other rows."


def _checks(checks: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for row in checks:
        name, model = row["check"], row["model"] or "all"
        counted = f"{row['rows']} of {row['of']}"
        limits = [_share(row["warn"]), _share(row["stop"])]
        rows.append((name, model, counted, _share(row["measured"]), *limits, Markdown(f"**{row['verdict']}**")))
    table = markdown_table(("check", "model", "rows", "share", "warns above", "stops above", "verdict"), rows)
    names = dict.fromkeys(row["check"] for row in checks)
    return "\n".join([table, "", *(f"- {name}: {CHECKS[name][0]}." for name in names)])


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"
