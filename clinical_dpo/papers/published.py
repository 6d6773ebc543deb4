"""Read the papers' printed results, and compare a run's results with them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.io import Row, optional_number
from clinical_dpo.paths import comparison_name
from clinical_dpo.schemas import validate
from clinical_dpo.yaml_files import read_yaml

STUDY_TASKS = {  # study of config/published.yaml -> its tasks
    "savage2025": ("uti", "reasoning", "summarization", "triage_personnel", "triage_urgency"),
    "murphy2024": ("pubmedqa", "meqsum"),
}
Study = Mapping[str, Any]  # one study of `load_published`
Entry = dict[str, Any]  # one printed number of a study, with the keys ENTRY_KEYS
ENTRY_KEYS = ("task", "model", "variant", "metric", "grader", "value", "decimals", "n", "p", "against", "where")
COLUMNS = (
    *("study", "task", "model", "variant", "metric", "published", "p_published", "reproduced", "ci_low", "ci_high"),
    *("n", "p_reproduced", "agrees", "where", "note"),
)
OTHER_TABLES = {  # metric of published.yaml that is not in metrics.csv -> the run's table with this metric
    **{"cost_minutes": "see figures/cost.csv", "margin_plateau_epoch": "see tables/reward_margin.csv"},
    **dict.fromkeys(("agreement", "tie_break"), "see agreement.csv of the task"),
}
PUBLISHED_NAMES = {
    "mean_likert": "likert",
    "rouge_l": "rouge_l_f1",
}  # metric of metrics.csv -> its name in published.yaml


def load_published(path: str | Path) -> dict[str, Study]:
    """Read config/published.yaml and return a mapping: name of a study -> the results that its paper prints.

    The study's `results` become the list `entries`. An entry is a dictionary about one printed number, with the keys
    ENTRY_KEYS. If the paper does not print the value of a key, the value is None.

    The key `p` holds the P of a comparison of two variants. `against` names the other variant. The entry of the other
    variant, with the same task, model and metric, must come directly before the entry with the P.

    Raises:
        UserError: the file does not follow its schema; a number is listed twice; or the entry directly before an entry
            with a P is not the entry of the other variant.
    """
    content = read_yaml(Path(path))
    validate(content, "published", str(path))
    studies: dict[str, Study] = {}
    for name, study in content["studies"].items():
        entries = list(_entries(study["results"]))
        seen: set[tuple[Any, ...]] = set()
        before: Entry = {}
        for entry in entries:
            key = (entry["task"], entry["model"], entry["variant"], entry["metric"])
            where = f"{path}: studies.{name}.results, {'/'.join(str(part) for part in key)}"
            if key in seen:
                raise UserError(
                    f"{where}: two entries have this task, model, variant and metric. Keep one entry. If the paper "
                    "prints two values, put the second value under `contradictions`."
                )
            listed_before = [before.get(part) for part in ("task", "model", "metric", "variant")]
            if entry["p"] and listed_before != [entry["task"], entry["model"], entry["metric"], entry["against"]]:
                raise UserError(
                    f"{where}: key 'against' is '{entry['against']}', but the entry just before is not the result of "
                    f"'{entry['against']}' for the same task, model and metric. List '{entry['against']}' just before "
                    f"'{entry['variant']}'."
                )
            seen.add(key)
            before = entry
        studies[name] = {key: value for key, value in study.items() if key != "results"} | {"entries": entries}
    return studies


def _entries(groups: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    for group in groups:
        shared = {key: value for key, value in group.items() if key != "values"}
        for value in group["values"]:
            yield dict.fromkeys(ENTRY_KEYS) | shared | value


def find_contradiction(study: Study, entry: Entry) -> Mapping[str, Any] | None:
    """Return the record of the different values that a paper prints for one number.

    If the paper does not contradict itself about the number, the result is None.

    Args:
        study: the paper's printed results.
        entry: the printed number.
    """
    for candidate in study["contradictions"]:
        if "entry" in candidate and all(
            candidate["entry"].get(key) == entry[key] for key in ("task", "model", "variant", "metric")
        ):
            return candidate
    return None


def compare(
    published: Mapping[str, Study],
    metrics: Sequence[Mapping[str, Any]],
    stats: Sequence[Mapping[str, Any]] = (),
    stands_for: Mapping[str, str] | None = None,
) -> list[Row]:
    """Compare every printed number with the run's results of the same model, or of models that stand in for it.

    The column `agrees` is "yes" if the printed number lies inside the run's 95% interval, and "no" if it lies outside.
    This tests whether the run could have given the printed result. The paper does not print its own sampling error, so
    the comparison leaves this error out. `agrees` is "not comparable (REASON)" if the model or the grader differs, the
    data are synthetic, the grades are pending or come from a proxy (an automatic score), or the run has no interval.

    Args:
        published: name of a study -> its printed results, from `load_published`.
        metrics: rows of metrics.csv, or of any table with the columns task, model, variant, metric, estimate, ci_low,
            ci_high and n. The columns data, grader, proxy and status are optional. An empty string and None both mean
            unknown.
        stats: rows of stats.csv. Their P values are for the headline metric of the task. The papers print a P for no
            other metric.
        stands_for: name of a model of the run -> name of the published model that it stands in for. A model without an
            entry keeps its name.

    Returns:
        Rows with the columns COLUMNS. Each printed number has one row for each model of the run that has a result for
        it. A printed number without a result of the run has a single row.
    """
    stands_for = stands_for or {}
    tests = {(row["task"], row["model"], row["comparison"]): row for row in stats}
    tasks = {row["task"] for row in metrics}
    rows = []
    for name, study in published.items():
        for entry in study["entries"]:
            key = (entry["task"], entry["model"], entry["variant"], entry["metric"])
            reproduced = [row for row in metrics if _published_key(row, stands_for) == key]
            for row in reproduced or [{}]:
                comparison = (entry["task"], row.get("model"), comparison_name(entry["variant"], entry["against"]))
                test = tests.get(comparison, {}) if entry["p"] else {}
                rows.append(_row(name, study, entry, row, test, entry["task"] in tasks))
    return rows


def _published_key(row: Mapping[str, Any], stands_for: Mapping[str, str]) -> tuple[str, str, str, str]:
    """Task, model, variant and metric of a row of metrics.csv, under the names of config/published.yaml.

    Args:
        row: row of metrics.csv.
        stands_for: name of a model of the run -> name of the published model that it stands in for.
    """
    model, metric = row["model"], row["metric"]
    return row["task"], stands_for.get(model, model), row["variant"], PUBLISHED_NAMES.get(metric, metric)


def _row(
    name: str, study: Study, entry: Entry, row: Mapping[str, Any], test: Mapping[str, Any], in_run: bool
) -> dict[str, Any]:
    numbers = {key: optional_number(row.get(key)) for key in ("estimate", "ci_low", "ci_high", "n")}
    if row.get("status") == "pending":
        numbers["n"] = None  # the row's n counts the pending grades
    return {
        "study": name,
        **{key: entry[key] for key in ("task", "model", "variant", "metric")},
        "published": f"{entry['value']:.{entry['decimals']}f}",
        "p_published": entry["p"],
        "reproduced": numbers["estimate"],
        "ci_low": numbers["ci_low"],
        "ci_high": numbers["ci_high"],
        "n": None if numbers["n"] is None else int(numbers["n"]),
        "p_reproduced": optional_number(test.get("p_value")),
        "agrees": _agrees(entry, row, numbers, in_run),
        "where": "; ".join(entry["where"]),
        "note": "; ".join(_notes(study, entry, row, numbers)),
    }


def _agrees(entry: Entry, row: Mapping[str, Any], numbers: Mapping[str, float | None], in_run: bool) -> str:
    """Whether a printed number agrees with the run's result: "yes", "no" or "not comparable (REASON)".

    Args:
        entry: the printed number.
        row: the run's result, a row of metrics.csv; empty if the run has no result.
        numbers: `ci_low` and `ci_high`, the limits of the interval of the run's result.
        in_run: whether the run has the task.
    """
    if not row:
        tables = OTHER_TABLES if in_run else {}
        return f"not comparable ({tables.get(entry['metric'], 'not in this run')})"
    low, high = numbers["ci_low"], numbers["ci_high"]
    reasons = {
        "grades awaited": row.get("status") == "pending",
        f"model {row['model']}": row["model"] != entry["model"],
        "synthetic data": row.get("data") == "synthetic",
        "proxy grades": row.get("proxy") == "true",
        f"graded by {row.get('grader')}": row.get("grader") and entry["grader"] not in (None, row["grader"]),
    }
    obstacles = [reason for reason, applies in reasons.items() if applies]
    if not obstacles and low is not None and high is not None:
        return "yes" if low <= entry["value"] <= high else "no"
    return f"not comparable ({', '.join(obstacles) or 'no interval'})"


def _notes(study: Study, entry: Entry, row: Mapping[str, Any], numbers: Mapping[str, float | None]) -> Iterator[str]:
    if row and row["model"] != entry["model"]:
        yield f"{row['model']} stands in for {entry['model']}"
    if entry["n"] and numbers["n"] and numbers["n"] != entry["n"]:
        yield f"the paper's n is {entry['n']}"
    contradiction = find_contradiction(study, entry)
    if contradiction:
        yield "the paper prints both: " + " and ".join(
            f"{version['value']} ({'; '.join(version['where'])})" for version in contradiction["printed"]
        )
