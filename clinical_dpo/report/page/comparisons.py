"""Comparisons on the report page: verdicts in words, differences with intervals and P, results over training seeds."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row, optional_number
from clinical_dpo.paths import parse_comparison
from clinical_dpo.report.p_values import F1_COMPARED, F1_MEASURES, f1_significant, format_p, opposed, quantity_compared
from clinical_dpo.report.trivial_words import Bar
from clinical_dpo.variants import EXTERNAL, TITLES, arms_of

Rows = Sequence[Mapping[str, Any]]
Tasks = Mapping[str, Mapping[str, str]]  # task -> title, description and metric of its file
MEASURES = {  # measure of a difference -> its name on the page
    "accuracy_difference": "right answers",
    "f1_difference": "F1 score",
    "macro_f1_difference": "macro F1 score",
    "helpfulness_difference": "helpful answers",
    "mean_difference": "mean score",
}


def _names(comparison: str, models: Mapping[str, str]) -> list[str]:
    """The displayed names of the two variants of a comparison.

    Args:
        comparison: the comparison as in stats.csv, such as `dpo_vs_sft`.
        models: maps the name of a model or of external answers (made outside of the run) to the name shown.
    """
    return [TITLES.get(name) or models[name] for name in parse_comparison(comparison)]


def compared_name(compared: str) -> str:
    """The displayed name of a variant ("SFT") or of a comparison ("SFT − Base")."""
    names = (compared,) if compared in TITLES else parse_comparison(compared)
    return " − ".join(TITLES[name] for name in names)


def verdict(
    row: Mapping[str, Any], models: Mapping[str, str] | None = None, below: Collection[Bar] = ()
) -> tuple[str, str]:
    """Return the verdict on one comparison as (kind, words).

    The main difference is the row's `effect`, for example the difference in the share of right answers. The kind is the
    first of these that applies:

    - `pending`: grades are awaited.
    - `untested`: the test of the main difference is not defined on the grades.
    - `mixed`: F1 and the share of right answers favour different variants, and at least one of the two differences is
      significant. Or the first variant is significantly better, but is not shown to beat a trivial answer (one label
      for every item).
    - `better` and `worse`: the first variant is significantly better or worse than the second in the main difference.
    - `open`: the main difference is not significant. The difference in F1 may still be significant.

    Args:
        row: row of stats.csv.
        models: maps the name of a model or of external answers (made outside of the run) to the name shown. Only
            comparisons with external answers need these names.
        below: (task, model, variant) of each variant that is not shown to beat a trivial answer, from
            `trivial_words.no_better`.
    """
    first, second = _names(row["comparison"], models or {})
    if row["status"] == "pending":
        return "pending", f"{first} against {second}: grades awaited"
    if not row["significant"]:
        return "untested", f"{first} against {second}: the test is not defined on these grades"
    words = " in right answers" if row.get("secondary_measure") in F1_MEASURES else ""
    if opposed(row):
        f1, share = ("higher" if float(row[number]) > 0 else "lower" for number in ("secondary_effect", "effect"))
        significant = row["significant"] == "true" or f1_significant(row)
        return (
            "mixed" if significant else "open",
            f"{first} against {second}: F1 is {f1}, but the share of right answers is {share}",
        )
    if row["significant"] != "true":
        if f1_significant(row):
            words += f", but F1 of {first} is {'higher' if float(row['secondary_effect']) > 0 else 'lower'}"
        return "open", f"no difference shown between {first} and {second}{words}"
    kind = "better" if float(row["effect"]) > 0 else "worse"
    if below and kind == "better" and (row["task"], row["model"], parse_comparison(row["comparison"])[0]) in below:
        return "mixed", f"{first} ahead of {second}{words}, not shown to be better than a trivial answer"
    f1 = ", no difference shown in F1" if row.get("p_f1_permutation") and not f1_significant(row) else ""
    return kind, f"{first} {kind} than {second}{words}{f1}"


def comparison_rows(stats: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """Make the page's rows of paired comparisons: difference with interval, P, and smallest detectable difference.

    Each comparison has a row. If its test items are in groups, such as patients, a second row treats the items as
    independent. If its task has labels, another row is about F1.

    Args:
        stats: rows of stats.csv of all tasks.
        tasks: task -> settings with `title`.
        models: maps the name of a model or of external answers (made outside of the run) to the name shown.
    """
    return [page_row for row in stats for page_row in _comparison(row, tasks, models)]


def _comparison(row: Mapping[str, Any], tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    pending, levels = row["status"] == "pending", [float(row["threshold"]), float(row["alpha"])]
    shared = {
        "task": tasks[row["task"]]["title"],
        "model": models[row["model"]],
        "comparison": " − ".join(_names(row["comparison"], models)),
        "n": "–" if pending else row["n"],
    }
    first = shared | {
        "of": quantity_compared(row),
        "difference": _interval(row, "effect", "effect_ci_low", "effect_ci_high"),
        "p": "awaited" if pending else format_p(optional_number(row["p_value"]), *levels),
        "significant": row["significant"] == "true",
        "holm": format_p(p, *levels) if (p := optional_number(row["p_holm_study"])) is not None else "–",
        "detectable": _difference(row, row["smallest_detectable"], signed=False) or "–",
    }
    shown = [first]
    if optional_number(row.get("p_unclustered")) is not None:
        independent = {
            "of": "the same, if rows were independent",
            "difference": _interval(row, "effect", "unclustered_ci_low", "unclustered_ci_high"),
            "p": format_p(optional_number(row["p_unclustered"]), *levels),
        }
        shown.append(shared | independent | {"significant": False, "holm": "–", "detectable": "–"})
    if row["secondary_measure"] not in F1_MEASURES:
        return shown
    second = shared | {
        "of": F1_COMPARED,
        "difference": _interval(
            {**row, "effect_measure": "f1_difference"}, "secondary_effect", "secondary_ci_low", "secondary_ci_high"
        ),
        "p": format_p(optional_number(row["p_f1_permutation"]), *levels),
        "significant": f1_significant(row),
        "holm": "–",
        "detectable": "–",
    }
    return [*shown, second]


def seed_table(seeds: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """Make a row per comparison and measure: mean effect over training seeds, its interval and P, each seed's effect.

    Args:
        seeds: rows of seeds.csv of all tasks with several seeds.
        tasks: task -> settings with `title`.
        models: model -> name shown.
    """
    return [
        {
            "task": tasks[row["task"]]["title"],
            "model": models[row["model"]],
            "comparison": " − ".join(TITLES[variant] for variant in parse_comparison(row["comparison"])),
            "measure": MEASURES[row["measure"]],
            "seeds": row["seeds"].split(),
            "difference": _interval(measured, "effect", "ci_low", "ci_high"),
            "p": format_p(optional_number(row["p_value"])),
            "per_seed": [_difference(measured, effect).removesuffix(" points") for effect in effects],
            "spread": _difference(measured, row["seed_sd"], signed=False) or "–",
        }
        for row in seeds
        for measured, effects in [({**row, "effect_measure": row["measure"]}, (row["per_seed"] or "").split())]
    ]


def trained_once(shown: Rows, seeds: Rows, tasks: Tasks) -> list[str]:
    """Titles of the tasks whose models were trained with a single seed.

    Args:
        shown: rows of metrics.csv about the tasks' headline metrics.
        seeds: rows of seeds.csv of the tasks with several seeds.
        tasks: task -> settings with `title`.
    """
    repeated = {row["task"] for row in seeds}
    names = dict.fromkeys(row["task"] for row in shown if row["variant"] != EXTERNAL)
    return [tasks[name]["title"] for name in names if name not in repeated]


def grouped(stats: Rows, tasks: Tasks) -> list[str]:
    """Make a text about each task whose test items are in groups, such as patients: "Title (40 groups)".

    Args:
        stats: rows of stats.csv of all tasks.
        tasks: task -> settings with `title`.
    """
    sizes = {row["task"]: row["n_groups"] for row in stats if row.get("n_groups")}
    return [f"{tasks[task]['title']} ({number} groups)" for task, number in sizes.items()]


def tallies(stats: Rows, below: Collection[Bar] = ()) -> list[str]:
    """Make a line of text per comparison: how often its first variant is better, worse, or not shown to differ.

    The comparisons are SFT against base, DPO against SFT, and the comparisons of arms (further variants). A comparison
    counts once for each task and model. Two kinds of results count neither as better nor as worse. A line names each
    kind that occurs, with its number:

    - A difference is significant, but F1 and the share of right answers favour different variants.
    - The first variant is significantly better, but is not shown to beat a trivial answer (one label for every item).

    Args:
        stats: rows of stats.csv of all tasks.
        below: (task, model, variant) of each variant that is not shown to beat a trivial answer, from
            `trivial_words.no_better`.
    """
    lines = []
    for comparison in ("sft_vs_base", "dpo_vs_sft", *arm_comparisons(stats)):
        first, second = (TITLES[variant] for variant in parse_comparison(comparison))
        kinds = [verdict(row, below=below) for row in stats if row["comparison"] == comparison]
        better, worse, mixed, neither = (
            sum(kind == each for each, _ in kinds) for kind in ("better", "worse", "mixed", "open")
        )
        trivial = sum(kind == "mixed" and words.endswith("trivial answer") for kind, words in kinds)
        counts = f"better in {better}, worse in {worse}, no difference shown in {neither}"
        ways = mixed - trivial
        counts += f", F1 and right answers point different ways in {ways}" if ways else ""
        counts += f", ahead but not shown to be better than a trivial answer in {trivial}" if trivial else ""
        total = better + worse + mixed + neither
        lines.append(f"{first} against {second}, {total} comparison{'' if total == 1 else 's'}: {counts}")
    return lines


def compared_names(rows: Rows) -> tuple[list[str], list[str]]:
    """Return the variants (`sft`) and the comparisons (`dpo_vs_sft`) that a table has in its column `compared`.

    Each name is listed once, in the order of the rows.
    """
    names = list(dict.fromkeys(row["compared"] for row in rows))
    return [name for name in names if name in TITLES], [name for name in names if name not in TITLES]


def arm_comparisons(stats: Rows) -> list[str]:
    """Names of the comparisons of arms (further variants) in rows of stats.csv, each name once."""
    names = dict.fromkeys(row["comparison"] for row in stats)
    return [name for name in names if arms_of(parse_comparison(name))]


def _interval(row: Mapping[str, Any], value: str, low: str, high: str) -> str:
    """Text of a difference with its interval.

    If a limit would be rounded to zero, the difference and the limits have up to three more digits.

    Args:
        row: row with `effect_measure` and the columns that the other arguments name.
        value: column of the difference.
        low, high: columns of the interval's limits.
    """
    extra = 0
    limits = [float(number) for end in (low, high) if (number := optional_number(row[end]))]
    while extra < 3 and any(float(_plain(row, limit, extra)) == 0 for limit in limits):
        extra += 1
    middle, *ends = (_difference(row, row[column], extra=extra) for column in (value, low, high))
    return f"{middle} ({' to '.join(end.removesuffix(' points') for end in ends)})" if all(ends) else middle or "–"


def _difference(row: Mapping[str, Any], value: Any, *, signed: bool = True, extra: int = 0) -> str:
    """Text of a difference. If `value` is empty, the text is "".

    Differences of shares are in percentage points. Differences of means and of F1 are on their own scale.

    Args:
        row: row with the `effect_measure` of the difference.
        value: the difference, as a number or as read from CSV.
        signed: whether a positive difference has a plus sign.
        extra: how many decimals to add to the usual ones.
    """
    number = optional_number(value)
    if number is None:
        return ""
    unit = "" if _on_own_scale(row) else " points"
    return _plain(row, number, extra, "+" if signed else "").replace("-", "−") + unit


def _plain(row: Mapping[str, Any], number: float, extra: int, sign: str = "") -> str:
    """A difference as text without its unit.

    Args:
        row: row with the `effect_measure` of the difference.
        number: the difference.
        extra: how many decimals to add to the usual ones.
        sign: "+" puts a plus sign before a positive number, "" does not.
    """
    return f"{number:{sign}.{2 + extra}f}" if _on_own_scale(row) else f"{100 * number:{sign}.{1 + extra}f}"


def _on_own_scale(row: Mapping[str, Any]) -> bool:
    """Whether a row has a difference of means or of F1.

    Such a difference is shown on its own scale, not in percentage points.
    """
    return row["effect_measure"] in ("mean_difference", *F1_MEASURES)
