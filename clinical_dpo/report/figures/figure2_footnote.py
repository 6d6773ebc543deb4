"""The footnote of figure 2."""

from collections.abc import Mapping, Sequence

from clinical_dpo.io import Row
from clinical_dpo.report.p_values import F1_COMPARED
from clinical_dpo.variants import ARMS, EXTERNAL, TITLES, arms_of


def _thresholds(bars: Sequence[Row], column: str) -> list[str]:
    """The distinct significance thresholds in one column of the rows `bars`, sorted.

    A threshold is a text without a leading zero, such as ".01".
    """
    return sorted({f"{bar[column]:.3g}".removeprefix("0") for bar in bars if bar[column] is not None})


def footnote(bars: Sequence[Row], model_names: Mapping[str, str]) -> str:
    """Return the lines of the footnote: how to read the figure, what its P values compare, and last the caveats.

    The caveats are synthetic data, proxy grades and pending grades.

    Args:
        bars: rows of `figure2_rows.comparison_rows`.
        model_names: maps the name of a model or of external answers (made outside of the run) to the name shown.
    """
    arms = [TITLES[arm] for arm in arms_of(bar["variant"] for bar in bars)]
    sizes = sorted({f"{bar['n']:.0f}" for bar in bars if bar["status"] == "complete"})
    thresholds = _thresholds([bar for bar in bars if bar["variant"] not in ARMS], "threshold")
    reading = [
        *(f"n={n}" for n in sizes),
        "whiskers: 95% CI",
        *(f"*P<{threshold} (Bonferroni)" for threshold in thresholds),
    ]
    of_arms = _thresholds([bar for bar in bars if bar["variant"] in ARMS], "threshold")
    reading += [f"{' and '.join(arms)} *P<{threshold}" for threshold in of_arms]
    for name in (bar["model"] for bar in bars if bar["variant"] == EXTERNAL):
        others = _thresholds(bars, f"threshold_vs_{name}")
        reading += [f"vs {model_names[name]} *P<{other}" for other in others if other not in thresholds]
    seeds = {len(bar["seeds"].split()) for bar in bars if bar.get("seeds")}
    reading += [f"dots: {count} training seeds" for count in seeds]
    proxies = sorted({bar["grader"] for bar in bars if bar["proxy"] == "true"})
    pending = sum(int(bar["n"]) for bar in bars if bar["status"] == "pending")
    quantities = dict.fromkeys(bar["compared"] for bar in bars if bar["compared"])
    compared = [f"P: {' and '.join(quantities)}"] if quantities else []
    compared += [f"F1 P: {F1_COMPARED}"] if any(bar["p_f1_vs_base"] is not None for bar in bars) else []
    pairs = [
        f"{model_names[bar['model']]} {TITLES[bar['variant']]}-{TITLES.get(other) or model_names[other]}"
        for bar in bars
        for other in (bar["opposed"] or "").split()
    ]
    lines = ["; ".join(compared)] if compared else []
    lines += [f"F1 and right answers point different ways: {', '.join(pairs)}"] if pairs else []
    caveats = ["synthetic data"] if any(bar["data"] == "synthetic" for bar in bars) else []
    caveats += [f"proxy grades ({grader})" for grader in proxies]
    caveats += [f"{pending} grades awaited"] if pending else []
    return "\n".join(["; ".join(reading), *lines, "; ".join(caveats)])
