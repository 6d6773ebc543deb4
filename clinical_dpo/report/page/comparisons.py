"""What the report page says of comparisons: verdicts in words, differences with intervals and P, training seeds."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.report.p_values import COMPARED, F1_COMPARED, f1_significant, format_p, opposed
from clinical_dpo.report.trivial_words import Bar
from clinical_dpo.variants import COMPARISONS, EXTERNAL, TITLES, parse_comparison

Rows = Sequence[Mapping[str, Any]]
Tasks = Mapping[str, Mapping[str, str]]  # task -> title, description and metric of its file
MEASURES = {  # of a difference between variants
    "accuracy_difference": "right answers",
    "f1_difference": "F1 score",
    "helpfulness_difference": "helpful answers",
    "mean_difference": "mean score",
}


def _names(comparison: str, models: Mapping[str, str]) -> list[str]:
    """What is compared and with what, as shown: a variant, or what answered elsewhere."""
    return [TITLES.get(name) or models[name] for name in parse_comparison(comparison)]


def verdict(
    row: Mapping[str, Any], models: Mapping[str, str] | None = None, below: Collection[Bar] = ()
) -> tuple[str, str]:
    """(better, worse, mixed, open, untested or pending; in words) of one comparison.

    It follows the study's test. Where F1 and right answers point different ways neither variant is called better.
    `models` name what answered elsewhere. A variant `below`, from `trivial_words.no_better`, is not called better.
    """
    first, second = _names(row["comparison"], models or {})
    if row["status"] == "pending":
        return "pending", f"{first} against {second}: grades awaited"
    if not row["significant"]:
        return "untested", f"{first} against {second}: the test is not defined on these grades"
    words = " in right answers" if row.get("secondary_measure") == "f1_difference" else ""
    if opposed(row):
        f1, share = ("higher" if float(row[number]) > 0 else "lower" for number in ("secondary_effect", "effect"))
        significant = row["significant"] == "true" or f1_significant(row)
        return "mixed" if significant else "open", f"{first} against {second}: F1 {f1}, share of right answers {share}"
    if row["significant"] != "true":
        more = f", F1 {'higher' if float(row['secondary_effect']) > 0 else 'lower'}" if f1_significant(row) else ""
        return "open", f"no difference shown between {first} and {second}{words}{more}"
    kind = "better" if float(row["effect"]) > 0 else "worse"
    if below and kind == "better" and (row["task"], row["model"], parse_comparison(row["comparison"])[0]) in below:
        return "mixed", f"{first} ahead of {second}{words}, not shown to be better than a trivial answer"
    more = ", no difference shown in F1" if row.get("p_f1_permutation") and not f1_significant(row) else ""
    return kind, f"{first} {kind} than {second}{words}{more}"


def comparison_rows(stats: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """Rows of paired comparisons: difference with interval, P, and what this many items could have shown.

    One per comparison, and with labels a second one for F1.
    """
    return [line for row in stats for line in _comparison(row, tasks, models)]


def _comparison(row: Mapping[str, Any], tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    pending, levels = row["status"] == "pending", [float(row["threshold"]), float(row["alpha"])]
    shared = {
        "task": tasks[row["task"]]["title"],
        "model": models[row["model"]],
        "comparison": " − ".join(_names(row["comparison"], models)),
        "n": "–" if pending else row["n"],
    }
    first = shared | {
        "of": COMPARED[row["effect_measure"]],
        "difference": _interval(row, "effect", "effect_ci_low", "effect_ci_high"),
        "p": "awaited" if pending else format_p(number_of(row["p_value"]), *levels),
        "significant": row["significant"] == "true",
        "holm": format_p(p, *levels) if (p := number_of(row["p_holm_study"])) is not None else "–",
        "detectable": _difference(row, row["smallest_detectable"], signed=False) or "–",
    }
    if row["secondary_measure"] != "f1_difference":
        return [first]
    second = shared | {
        "of": F1_COMPARED,
        "difference": _interval(
            {**row, "effect_measure": "f1_difference"}, "secondary_effect", "secondary_ci_low", "secondary_ci_high"
        ),
        "p": format_p(number_of(row["p_f1_permutation"]), *levels),
        "significant": f1_significant(row),
        "holm": "–",
        "detectable": "–",
    }
    return [first, second]


def seed_table(seeds: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """One row per comparison and measure: mean over the training seeds with interval, P, and what each seed gave."""
    return [
        {
            "task": tasks[row["task"]]["title"],
            "model": models[row["model"]],
            "comparison": " − ".join(TITLES[variant] for variant in COMPARISONS[row["comparison"]]),
            "measure": MEASURES[row["measure"]],
            "seeds": row["seeds"].split(),
            "difference": _interval(measured, "effect", "ci_low", "ci_high"),
            "p": format_p(number_of(row["p_value"])),
            "per_seed": [_difference(measured, effect).removesuffix(" points") for effect in effects],
            "spread": _difference(measured, row["seed_sd"], signed=False) or "–",
        }
        for row in seeds
        for measured, effects in [({**row, "effect_measure": row["measure"]}, (row["per_seed"] or "").split())]
    ]


def trained_once(shown: Rows, seeds: Rows, tasks: Tasks) -> list[str]:
    """Titles of the tasks whose models were trained with one seed."""
    repeated = {row["task"] for row in seeds}
    names = dict.fromkeys(row["task"] for row in shown if row["variant"] != EXTERNAL)
    return [tasks[name]["title"] for name in names if name not in repeated]


def tallies(stats: Rows, below: Collection[Bar] = ()) -> list[str]:
    """For each step of training, in how many of the tested pairs of task and model it helped, harmed or neither."""
    lines = []
    for comparison in ("sft_vs_base", "dpo_vs_sft"):
        first, second = (TITLES[variant] for variant in COMPARISONS[comparison])
        kinds = [verdict(row, below=below) for row in stats if row["comparison"] == comparison]
        better, worse, mixed, neither = (
            sum(kind == each for each, _ in kinds) for kind in ("better", "worse", "mixed", "open")
        )
        trivial = sum(kind == "mixed" and words.endswith("trivial answer") for kind, words in kinds)
        counts = f"better in {better}, worse in {worse}, no difference shown in {neither}"
        ways = mixed - trivial
        counts += f", F1 and right answers point different ways in {ways}" if ways else ""
        counts += f", ahead but not shown to be better than a trivial answer in {trivial}" if trivial else ""
        lines.append(f"{first} against {second}, {better + worse + mixed + neither} comparisons: {counts}")
    return lines


def number_of(value: Any) -> float | None:
    """A field of a table as a number; None where it is empty."""
    return None if value in (None, "") else float(value)


def _interval(row: Mapping[str, Any], value: str, low: str, high: str) -> str:
    """A difference with its interval, in as many digits as it takes to see on which side of zero a limit is."""
    extra = 0
    limits = [float(number) for end in (low, high) if (number := number_of(row[end]))]
    while extra < 3 and any(float(_plain(row, limit, extra)) == 0 for limit in limits):
        extra += 1
    middle, *ends = (_difference(row, row[column], extra=extra) for column in (value, low, high))
    return f"{middle} ({' to '.join(end.removesuffix(' points') for end in ends)})" if all(ends) else middle or "–"


def _difference(row: Mapping[str, Any], value: Any, *, signed: bool = True, extra: int = 0) -> str:
    """A difference of shares in percentage points, one of means or F1 as it is; nothing where there is none."""
    number = number_of(value)
    if number is None:
        return ""
    unit = "" if _as_it_is(row) else " points"
    return _plain(row, number, extra, "+" if signed else "").replace("-", "−") + unit


def _plain(row: Mapping[str, Any], number: float, extra: int, sign: str = "") -> str:
    return f"{number:{sign}.{2 + extra}f}" if _as_it_is(row) else f"{100 * number:{sign}.{1 + extra}f}"


def _as_it_is(row: Mapping[str, Any]) -> bool:
    return row["effect_measure"] in ("mean_difference", "f1_difference")
