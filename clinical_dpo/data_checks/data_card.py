"""The data card of a task: where its rows are from, what became of them, and what the checks found. No row's text."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.data_checks.thresholds import CHECKS
from clinical_dpo.escaping import Markdown, markdown
from clinical_dpo.tokenization.lengths import Measured, quantile

QUANTILES = {"5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95, "longest": 1.0}


def card(
    task: Mapping[str, Any],
    manifest: Mapping[str, Any],
    lengths: Mapping[str, Sequence[Measured]],
    checks: Sequence[Mapping[str, Any]],
) -> str:
    """A Markdown page.

    Args:
        task: `name`, `title` and, where the task file has them, `description`, `licence`, `citation`, `download_size`
            and `phi`.
        manifest: data/manifest.json.
        lengths: model -> tokens of the rows of all splits.
        checks: rows of `thresholds.COLUMNS`.
    """
    source = manifest["source"]
    parts = [f"# Data of {markdown(task['name'])}: {markdown(task['title'])}"]
    parts += [markdown(task["description"])] if "description" in task else []
    if task.get("phi"):
        parts.append("**Private: these rows are of patients. Nothing of their text stands here.**")
    if source["data"] == "synthetic":
        parts.append("**Generated text: it says nothing about medicine.**")
    known = _source(task, source) + _written(manifest.get("texts", {}))
    parts += ["## Source", _table(("", ""), known), "## Rows", _table(("", "rows"), _fates(manifest))]
    parts += ["## Splits", _splits(manifest), "## Tokens", _tokens(lengths), "## Checks", _checks(checks)]
    return "\n\n".join(parts) + "\n"


def _source(task: Mapping[str, Any], source: Mapping[str, Any]) -> list[tuple[str, Any]]:
    digest = source.get("sha256", "")  # of a data set on the hub, one of each file
    known = {
        "kind": source["kind"],
        "data set": source.get("id"),
        "configuration": source.get("config"),
        "revision": source.get("revision"),
        "publisher's splits": ", ".join(source.get("splits") or []),
        "file": source.get("path"),
        "sheet": source.get("sheet"),
        "SHA-256": digest if isinstance(digest, str) else "; ".join(f"{name}: {one}" for name, one in digest.items()),
        "encoding": source.get("encoding"),
        "generator": source.get("generator"),
        "seed": source.get("seed"),
        "label noise": source.get("label_noise"),
    }
    if source["data"] == "real":
        known |= {
            "licence": task.get("licence", "not stated in the task file"),
            "citation": task.get("citation"),
            "download": task.get("download_size"),
        }
    return [(name, value) for name, value in known.items() if value not in (None, "")]


def _written(texts: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """The fields that a model or an endpoint wrote."""
    return [
        (f"field '{field}'", f"written by {found['written_by']}, {found['cut']} of {found['texts']} texts cut off")
        for field, found in texts.items()
    ]


def _fates(manifest: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What became of the source's rows, in the order it did."""
    source = manifest["source"]
    fates: list[tuple[str, Any]] = [("in the source", source["rows"])]
    fates += [("drawn of them", source["sampled"])] if "sampled" in source else []
    fates += [(f"left out: {reason}", count) for reason, count in source.get("drops", {}).items()]
    for repairs in (source.get("repairs", {}), manifest.get("repairs", {})):
        fates += [(f"repaired: {what}", found["count"]) for what, found in repairs.items()]
    fates += [
        ("repeats of a prompt, left out", manifest["duplicates_removed"]),
        ("of these with another answer", manifest["conflicting_duplicates"]),
        ("in no split", manifest["unused"]),
    ]
    if manifest["shrunk"]:
        asked = ", ".join(f"{name} {size}" for name, size in manifest["shrunk"]["asked"].items())
        fates.append((f"fewer than asked for ({asked}): splits shrunk in proportion to", manifest["shrunk"]["have"]))
    return fates


def _splits(manifest: Mapping[str, Any]) -> str:
    labels = sorted({label for counts in manifest["labels"].values() for label in counts})
    rows = []
    for split, count in manifest["counts"].items():
        shares = [manifest["labels"][split].get(label, 0) for label in labels]
        rows.append((split, count, *(f"{n} ({n / count:.0%})" if count else 0 for n in shares)))
    digests = _table(("file", "SHA-256"), [(f"{split}.jsonl", digest) for split, digest in manifest["sha256"].items()])
    return f"{_table(('split', 'rows', *labels), rows)}\n\n{digests}"


def _tokens(lengths: Mapping[str, Sequence[Measured]]) -> str:
    rows = []
    for model, measured in lengths.items():
        for part in ("prompt", "answer"):
            values = [(getattr(one, part), one.weight) for one in measured]
            found = [quantile(values, share) for share in QUANTILES.values()] if values else []
            rows.append((model, part, *found))
    table = _table(("model", "", *QUANTILES), rows)
    standing_for = max((one.weight for measured in lengths.values() for one in measured), default=1)
    if standing_for == 1:
        return table
    counted = max(map(len, lengths.values()))
    return f"{table}\n\nCounted on {counted:,} rows: the longest, and others spread evenly over the rest."


def _checks(checks: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for row in checks:
        name, model = row["check"], row["model"] or "all"
        concerned = f"{row['rows']} of {row['of']}"
        limits = [_share(row["warn"]), _share(row["stop"])]
        rows.append((name, model, concerned, _share(row["measured"]), *limits, Markdown(f"**{row['verdict']}**")))
    table = _table(("check", "model", "rows", "share", "warns above", "stops above", "verdict"), rows)
    named = dict.fromkeys(row["check"] for row in checks)
    return "\n".join([table, "", *(f"- {name}: {CHECKS[name][0]}." for name in named)])


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table of texts as they are."""
    lines = [header, [Markdown("---")] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    return markdown(value if isinstance(value, str) else str(value))
