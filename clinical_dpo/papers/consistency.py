"""Checks of the papers' printed numbers against each other, without any data."""

import math
from collections.abc import Callable, Iterator, Mapping

from scipy.stats import binomtest

from clinical_dpo.io import Row
from clinical_dpo.papers import feasibility
from clinical_dpo.papers.claims import (
    change,
    claim_row,
    entry_title,
    metric_entries,
    number_ranges,
    printed_p,
    tested_pairs,
)
from clinical_dpo.papers.feasibility import counts, printed_range
from clinical_dpo.papers.mcnemar_claims import check_mcnemar
from clinical_dpo.papers.published import Study

COLUMNS = ("study", "what", "claim", "found", "verdict", "detail")


def check(published: Mapping[str, Study]) -> list[Row]:
    """Check every claim of the papers that can be checked against the printed numbers alone.

    The checks search exhaustively, which takes about five seconds.

    Args:
        published: name of a study -> its printed results, from `published.load_published`.

    Returns:
        Rows with the columns COLUMNS. `verdict` is "possible", "impossible", or "only if ..." with the condition that
        must hold. "possible" does not confirm a claim.
    """
    checks: tuple[Callable[[Study], Iterator[Row]], ...] = (
        *(check_splits, check_shares, check_mcnemar, check_likerts),
        *(check_margins, check_rouges, check_costs, check_significance),
    )
    return [
        {"study": name} | row for name, study in published.items() for check_kind in checks for row in check_kind(study)
    ]


def check_splits(study: Study) -> Iterator[Row]:
    """For each total that a paper states for a task, yield a row that says whether the splits add up to this total."""
    for task, stated in study["tasks"].items():
        splits = [rows for split, rows in stated.get("splits", {}).items() if split != "where"]
        for total in stated.get("totals", []) if splits else []:
            yield claim_row(
                f"splits of {task}",
                f"{total['value']} rows ({'; '.join(total['where'])})",
                f"{' + '.join(map(str, splits))} = {sum(splits)}",
                "possible" if sum(splits) == total["value"] else "impossible",
            )


def check_shares(study: Study) -> Iterator[Row]:
    """Check printed shares. A share is possible if some fraction k / n, with a whole number k, rounds to it.

    The function yields these rows:

    - For each share of helpful answers, one row. The paper prints n.
    - For each share of agreement or of tie breaks among physicians, two rows. The paper does not print n, so one row
      takes the number of test questions as n, and the other takes the number of answers of all variants.
    - For all win rates together, one row about the highest rate. The paper does not print n, the number of judgements.
      The row states two values of n (see `_judgement_counts`): the smallest n that can give this rate, and the smallest
      n from which the rate always differs from .5 with P < .05.
    """
    for entry in metric_entries(study, "helpfulness"):
        helpful = counts(entry["value"], entry["decimals"], entry["n"])
        yield claim_row(
            f"helpfulness, {entry_title(entry)}",
            f"{entry['value']:.2f} of {entry['n']}",
            f"{number_ranges(helpful)} helpful answers" if helpful else "no count",
            "possible" if helpful else "impossible",
            f"{number_ranges([entry['n'] - count for count in reversed(helpful)])} evasive",
        )
    graded = metric_entries(study, "accuracy")  # every variant of every model, on the same test questions
    for entry in [*metric_entries(study, "agreement"), *metric_entries(study, "tie_break")] if graded else []:
        questions = graded[0]["n"]
        for n, unit in ((questions, "questions"), (questions * len(graded), "answers of all variants")):
            possible = counts(entry["value"], entry["decimals"], n)
            yield claim_row(
                f"{entry['metric']} of physicians, {entry['task']}",
                f"{entry['value']:.{entry['decimals']}f} of {n} {unit}",
                number_ranges(possible) if possible else "no count",
                "possible" if possible else "impossible",
                "" if possible else f"No share of {n} rounds to this number, and the paper prints no denominator.",
            )
    wins = metric_entries(study, "win_rate")
    if wins:
        best = max(wins, key=lambda entry: entry["value"])
        fewest, always_significant_from = _judgement_counts(best["value"], best["decimals"])
        yield claim_row(
            f"win rate, {entry_title(best)}",
            " and ".join(f"{entry['value']:.2f}" for entry in wins) + ", n not stated",
            f"sum {sum(entry['value'] for entry in wins):.2f}: no ties, or ties are left out",
            "possible",
            f"This rate needs at least {fewest} judgements. From {always_significant_from} judgements on, it differs "
            "from .5 with P<.05 (exact binomial test).",
        )


def _judgement_counts(best: float, decimals: int) -> tuple[int, int]:
    """Search the numbers n of judgements from 1 to 200 for those that fit a printed win rate.

    A number n fits if a rate k / n, with a whole number k of wins, rounds to the printed rate.

    Args:
        best: the printed win rate.
        decimals: digits of the printed win rate after the point.

    Returns:
        Two numbers of judgements. The first is the smallest n that fits. The second is the smallest number from which
        the printed rate is always significant: for every n from this number to 200, each rate k / n that rounds to the
        printed rate differs from .5 with P < .05 (exact binomial test).
    """
    totals = range(1, 201)
    wins = {  # total -> wins that round to the rate
        n: [k for k in counts(best, decimals, n) if abs(k / n - best) < 0.5 * 10**-decimals - feasibility.TINY]
        for n in totals
    }
    possible = [n for n in totals if wins[n]]
    not_significant = [n for n in possible if any(binomtest(k, n).pvalue >= 0.05 for k in wins[n])]
    return possible[0], max(not_significant, default=0) + 1


def check_likerts(study: Study) -> Iterator[Row]:
    """Check whether each printed P of a paired t test of grades is possible.

    The printed means and P imply a range for the standard deviation (SD) of the paired differences. Grades are whole
    numbers, which also limits this SD to a range. The P is possible if the two ranges overlap.
    """
    for before, entry in tested_pairs(study, "likert"):
        means, n, digits = (before["value"], entry["value"]), entry["n"], entry["decimals"]
        low, high = feasibility.implied_sd(*means, digits, n, entry["p"])
        least, most = feasibility.possible_sd(*means, digits, n, study["tasks"][entry["task"]]["scale"])
        is_possible = low <= most and least <= high
        squared_gap = (means[1] - means[0]) ** 2
        changed = [round(n * squared_gap + (n - 1) * sd**2) for sd in (max(low, least), min(high, most))]
        yield claim_row(
            f"paired t, {entry_title(entry)}",
            change(before, entry),
            f"SD of differences {f'{low:.2f}-' if low else 'below '}{high:.2f}",
            "possible" if is_possible else "impossible",
            f"Whole grades allow SDs from {least:.2f} to {most:.2f}. If every change is a step of one, {changed[0]} to "
            f"{changed[1]} of the {n} grades changed.",
        )


def check_margins(study: Study) -> Iterator[Row]:
    """Compute reward margin / beta for each reward margin that the paper prints.

    The reward of an answer is beta x log(policy / reference): the log of the answer's probability under the policy
    divided by that under the reference model (Rafailov et al. 2023, arXiv:2305.18290, section 5). The reward margin is
    the reward of the chosen answer minus the reward of the rejected answer. Reward margin / beta is the number of nats
    by which the policy separates the two answers more than the reference model does.
    """
    for entry in metric_entries(study, "reward_margin"):
        beta = study["tasks"][entry["task"]]["beta"]
        low, high = (limit / beta for limit in printed_range(entry["value"], entry["decimals"]))
        gap, loss = entry["value"] / beta, math.log1p(math.exp(-entry["value"]))
        yield claim_row(
            f"reward margin, {entry_title(entry)}",
            f"{entry['value']:g} with beta {beta:g}",
            f"log-ratio gap {gap:,.0f} nats ({low:,.0f}-{high:,.0f})",
            "possible",
            "The gap is a sum over tokens, and the paper prints no lengths of answers. If both answers together have "
            f"100 tokens, the gap is {gap / 100:.0f} nats per token. With 500 tokens, it is {gap / 500:.1f}. The "
            f"sigmoid loss of this margin is {loss:.0e}.",
        )


def check_rouges(study: Study) -> Iterator[Row]:
    """Check whether each printed mean ROUGE F1 is possible for the printed mean precision and mean recall.

    Yield one row per printed mean F1. Two facts give the verdict on the three printed means:

    - An item's F1 is the harmonic mean of its precision and recall. The harmonic mean is concave, so the mean F1 is at
      most the harmonic mean of mean precision and mean recall (Jensen 1906). A larger F1 is impossible.
    - An item's recall is its precision x (answer length / reference length) (Lin 2004). The quotient mean recall / mean
      precision is therefore the mean of answer length / reference length, weighted by the items' precision. If the
      quotient is below 0.5, the printed precision and recall are possible only if answers have less than half their
      references' words, or if the paper exchanged precision and recall.
    """
    short_answers = "answers have less than half their references' words, or precision and recall are exchanged"
    values = {(entry["metric"], entry["variant"]): entry for entry in study["entries"]}
    for (metric, variant), entry in values.items():
        kind, _, part = metric.rpartition("_")
        if not metric.startswith("rouge_") or part != "f1":
            continue
        precision, recall = (values[f"{kind}_{name}", variant] for name in ("precision", "recall"))
        low = printed_range(entry["value"], entry["decimals"])[0]
        p, r = (printed_range(mean["value"], mean["decimals"])[1] for mean in (precision, recall))
        most, length = 2 * p * r / (p + r), recall["value"] / precision["value"]
        yield claim_row(
            f"{kind.replace('_', '-').upper()}, {entry_title(entry)}",
            f"F1 {entry['value']:.2f}, precision {precision['value']:.2f}, recall {recall['value']:.2f}",
            f"mean F1 is at most {most:.3f}",
            "impossible"
            if low > most + feasibility.TINY
            else f"only if {short_answers}"
            if length < 0.5
            else "possible",
            f"Mean of an answer's length divided by its reference's length, weighted by precision: {length:.2f}.",
        )


def check_costs(study: Study) -> Iterator[Row]:
    """Compare each ratio of training times that the paper states with the training minutes that the paper prints.

    The ratio is the minutes of DPO divided by the minutes of SFT. Yield a row per task and stated ratio.
    """
    costs = {(entry["task"], entry["variant"]): entry["value"] for entry in metric_entries(study, "cost_minutes")}
    stated = [
        contradiction
        for contradiction in study["contradictions"]
        if contradiction.get("entry", {}).get("metric") == "cost_minutes"
    ]
    for task in dict.fromkeys(task for task, _ in costs):
        ratio = costs[task, "dpo"] / costs[task, "sft"]
        for version in (version for contradiction in stated for version in contradiction["printed"]):
            low, high = (float(word) for word in version["value"].split() if word.isdigit())
            yield claim_row(
                f"cost of DPO, {task}",
                f"{version['value']} SFT ({version['where'][0]})",
                f"{costs[task, 'dpo']} / {costs[task, 'sft']} minutes = {ratio:.1f}",
                "possible" if low <= ratio <= high else f"only if {ratio:.1f} counts as {high:g}",
            )


def check_significance(study: Study) -> Iterator[Row]:
    """Check whether the paper's significance threshold is alpha / T (Bonferroni). T is the stated number of tests.

    Yield no row if the paper states no threshold. Otherwise yield two rows. In both, the column `verdict` says whether
    the threshold is possible. N is the number of P values that the paper prints. Each row lists P values in a range:

    - First row: alpha / T <= P < alpha, significant with alpha but not with alpha / T.
    - Second row: alpha / N <= P < alpha / T, significant with alpha / T but not with alpha / N.

    A printed P counts as the lowest P that may be printed like this: ".55" -> .545 (see `feasibility.p_range`).
    """
    stated = study.get("significance")
    if not stated:
        return
    threshold = stated["alpha"] / stated["tests"]
    with_p = [entry for entry in study["entries"] if entry["p"]]
    strictest = stated["alpha"] / max(len(with_p), 1)
    for low, high in ((threshold, stated["alpha"]), (strictest, threshold)):
        between = [entry for entry in with_p if low <= feasibility.p_range(entry["p"])[0] < high]
        yield claim_row(
            f"P from {low:g} to {high:g}",
            f"threshold {stated['threshold']:g} = {stated['alpha']:g} / {stated['tests']}",
            "; ".join(f"{entry_title(entry)} {printed_p(entry['p'])}" for entry in between) or "none",
            "possible" if math.isclose(threshold, stated["threshold"]) else "impossible",
            f"The threshold is for {stated['tests']} outcomes, but the paper prints {len(with_p)} P: "
            f"{stated['alpha']:g} / {len(with_p)} = {strictest:g}.",
        )
