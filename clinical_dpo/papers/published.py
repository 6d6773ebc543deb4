"""The papers' printed results, and what a run has reproduced beside them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.io import Row
from clinical_dpo.schemas import read_yaml, validate
from clinical_dpo.variants import versus

COLUMNS = (
    *("study", "task", "model", "variant", "metric", "published", "p_published", "reproduced", "ci_low", "ci_high"),
    *("n", "p_reproduced", "agrees", "where", "note"),
)
ELSEWHERE = {  # metric of published.yaml that is no row of a run's metrics -> where the run's is
    **{"cost_minutes": "see figures/cost.csv", "margin_plateau_epoch": "see tables/reward_margin.csv"},
    **dict.fromkeys(("agreement", "tie_break"), "see agreement.csv of the task"),
}
NAMES = {"mean_likert": "likert", "rouge_l": "rouge_l_f1"}  # metric of metrics.csv -> its name in published.yaml


def load_published(path: str | Path) -> dict[str, Any]:
    """Study -> what its paper prints: config/published.yaml, its `results` spread into `entries`, one per number.

    An entry has task, model, variant, metric, grader, value, decimals, n, p, against and where; what is not printed is
    None.

    Raises:
        UserError: a key that is wrong, a number that stands twice, or a P whose `against` is not the variant before.
    """
    content = read_yaml(Path(path))
    validate(content, "published", str(path))
    studies = {}
    for name, study in content["studies"].items():
        entries = list(_entries(study["results"]))
        seen: dict[tuple[Any, ...], Row] = {}
        before: Row = {}
        for entry in entries:
            key = (entry["task"], entry["model"], entry["variant"], entry["metric"])
            where = f"{path}: studies.{name}.results, {'/'.join(str(part) for part in key)}"
            if key in seen:
                raise UserError(f"{where}: stands twice. Keep one; what the paper prints twice goes to contradictions.")
            same = [before.get(part) for part in ("task", "model", "metric", "variant")]
            if entry["p"] and same != [entry["task"], entry["model"], entry["metric"], entry["against"]]:
                raise UserError(f"{where}: against '{entry['against']}' must be the variant listed just before.")
            seen[key] = before = entry
        studies[name] = {key: value for key, value in study.items() if key != "results"} | {"entries": entries}
    return studies


def _entries(groups: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    names = ("task", "model", "variant", "metric", "grader", "value", "decimals", "n", "p", "against", "where")
    for group in groups:
        shared = {key: value for key, value in group.items() if key != "values"}
        for value in group["values"]:
            yield dict.fromkeys(names) | shared | value


def contradiction(study: Mapping[str, Any], entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the paper says differently about one entry, if anything."""
    for found in study["contradictions"]:
        if "entry" in found and all(
            found["entry"].get(key) == entry[key] for key in ("task", "model", "variant", "metric")
        ):
            return found
    return None


def compare(
    published: Mapping[str, Any],
    metrics: Sequence[Mapping[str, Any]],
    stats: Sequence[Mapping[str, Any]] = (),
    stands_for: Mapping[str, str] | None = None,
) -> list[Row]:
    """Rows of COLUMNS: every printed number, with each of the run's models that reproduces it or stands in for it.

    A number agrees where the printed value, as printed, lies inside the run's 95% interval. That asks whether the run
    could have had this result; the paper's own sampling error, which it does not print, is left out. A number is "not
    comparable" where the model or who graded is another, the data are synthetic, the grades a proxy's or still awaited,
    or no interval is known; the reason stands in brackets.

    Args:
        published: from `load_published`.
        metrics: rows of metrics.csv (any table with task, model, variant, metric, estimate, ci_low, ci_high, n;
            data, grader, proxy and status where known). Empty strings and None both mean nothing.
        stats: rows of stats.csv. Their P are those of a task's main metric, which is the only one printed with a P.
        stands_for: the run's model -> the published model it stands in for; a model not named stands for itself.
    """
    stands_for = stands_for or {}
    tested = {(row["task"], row["model"], row["comparison"]): row for row in stats}
    tasks = {row["task"] for row in metrics}
    rows = []
    for name, study in published.items():
        for entry in study["entries"]:
            found = [
                row
                for row in metrics
                if (row["task"], stands_for.get(row["model"], row["model"]), row["variant"]) == _place(entry)
                and NAMES.get(row["metric"], row["metric"]) == entry["metric"]
            ]
            for row in found or [{}]:
                comparison = (entry["task"], row.get("model"), versus(entry["variant"], entry["against"]))
                test = tested.get(comparison, {}) if entry["p"] else {}
                rows.append(_row(name, study, entry, row, test, entry["task"] in tasks))
    return rows


def _place(entry: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return entry["task"], entry["model"], entry["variant"]


def _row(
    name: str, study: Mapping[str, Any], entry: Row, row: Mapping[str, Any], test: Mapping[str, Any], in_run: bool
) -> dict[str, Any]:
    kept = {key: entry[key] for key in ("task", "model", "variant", "metric")}
    shown = {key: _number(row.get(key)) for key in ("estimate", "ci_low", "ci_high", "n")}
    if row.get("status") == "pending":
        shown["n"] = None  # it counts what is awaited
    return {
        "study": name,
        **kept,
        "published": f"{entry['value']:.{entry['decimals']}f}",
        "p_published": entry["p"],
        "reproduced": shown["estimate"],
        "ci_low": shown["ci_low"],
        "ci_high": shown["ci_high"],
        "n": None if shown["n"] is None else int(shown["n"]),
        "p_reproduced": _number(test.get("p_value")),
        "agrees": _agrees(entry, row, shown, in_run),
        "where": "; ".join(entry["where"]),
        "note": "; ".join(_notes(study, entry, row, shown)),
    }


def _number(value: Any) -> float | None:
    return None if value in (None, "") else float(value)


def _agrees(entry: Row, row: Mapping[str, Any], shown: Mapping[str, float | None], in_run: bool) -> str:
    if not row:
        where = ELSEWHERE if in_run else {}
        return f"not comparable ({where.get(entry['metric'], 'not in this run')})"
    low, high = shown["ci_low"], shown["ci_high"]
    reasons = {
        "grades awaited": row.get("status") == "pending",
        f"model {row['model']}": row["model"] != entry["model"],
        "synthetic data": row.get("data") == "synthetic",
        "proxy grades": row.get("proxy") == "true",
        f"graded by {row.get('grader')}": row.get("grader") and entry["grader"] not in (None, row["grader"]),
    }
    why = [reason for reason, holds in reasons.items() if holds]
    if not why and low is not None and high is not None:
        return "yes" if low <= entry["value"] <= high else "no"
    return f"not comparable ({', '.join(why) or 'no interval'})"


def _notes(
    study: Mapping[str, Any], entry: Row, row: Mapping[str, Any], shown: Mapping[str, float | None]
) -> Iterator[str]:
    if row and row["model"] != entry["model"]:
        yield f"{row['model']} stands in"
    if entry["n"] and shown["n"] and shown["n"] != entry["n"]:
        yield f"published on n = {entry['n']}"
    differently = contradiction(study, entry)
    if differently:
        yield "the paper says both: " + " and ".join(
            f"{version['value']} ({'; '.join(version['where'])})" for version in differently["printed"]
        )
