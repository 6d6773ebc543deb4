"""The papers' printed numbers held against each other, without any data: what can be true at the same time."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from scipy.stats import binomtest

from clinical_dpo.io import Row
from clinical_dpo.papers import feasibility
from clinical_dpo.papers.claims import Study, change, named, of_metric, printed_p, row, runs, tested
from clinical_dpo.papers.feasibility import counts, printed_range
from clinical_dpo.papers.mcnemar_claims import check_mcnemar

COLUMNS = ("study", "what", "claim", "found", "verdict", "detail")


def check(published: Mapping[str, Study]) -> list[Row]:
    """Rows of COLUMNS: every claim that the printed numbers alone can test, some five seconds of exhaustive search.

    `verdict` is possible, impossible, or "only if ..." with what must then hold. Possible is no confirmation.

    Args:
        published: from `published.load_published`.
    """
    checks: tuple[Callable[[Study], Iterator[Row]], ...] = (
        *(check_splits, check_shares, check_mcnemar, check_likerts),
        *(check_margins, check_rouges, check_costs, check_significance),
    )
    return [{"study": name} | found for name, study in published.items() for part in checks for found in part(study)]


def check_splits(study: Study) -> Iterator[Row]:
    """Splits against every stated total."""
    for task, stated in study["tasks"].items():
        splits = [rows for split, rows in stated.get("splits", {}).items() if split != "where"]
        for total in stated.get("totals", []) if splits else []:
            yield row(
                f"splits of {task}",
                f"{total['value']} rows ({'; '.join(total['where'])})",
                f"{' + '.join(map(str, splits))} = {sum(splits)}",
                "possible" if sum(splits) == total["value"] else "impossible",
            )


def check_shares(study: Study) -> Iterator[Row]:
    """Shares of whole things: which counts they can be, and which totals where n is not printed."""
    for entry in of_metric(study, "helpfulness"):
        found = counts(entry["value"], entry["decimals"], entry["n"])
        yield row(
            f"helpfulness, {named(entry)}",
            f"{entry['value']:.2f} of {entry['n']}",
            f"{runs(found)} helpful answers" if found else "no count",
            "possible" if found else "impossible",
            f"{runs([entry['n'] - count for count in reversed(found)])} evasive",
        )
    graded = of_metric(study, "accuracy")  # every variant of every model, on the same test questions
    for entry in [*of_metric(study, "agreement"), *of_metric(study, "tie_break")] if graded else []:
        questions = graded[0]["n"]
        for n, unit in ((questions, "questions"), (questions * len(graded), "answers of all variants")):
            found = counts(entry["value"], entry["decimals"], n)
            yield row(
                f"{entry['metric']} of physicians, {entry['task']}",
                f"{entry['value']:.{entry['decimals']}f} of {n} {unit}",
                f"{runs(found)}" if found else "no count",
                "possible" if found else "impossible",
                "" if found else f"No share of {n} rounds to it; of what it is a share, the paper leaves open.",
            )
    wins = of_metric(study, "win_rate")
    if wins:
        best = max(wins, key=lambda entry: entry["value"])
        smallest, significant = _judgements([entry["value"] for entry in wins], best["value"], best["decimals"])
        yield row(
            f"win rate, {named(best)}",
            " and ".join(f"{entry['value']:.2f}" for entry in wins) + ", n not stated",
            f"sum {sum(entry['value'] for entry in wins):.2f}: no ties, or left out",
            "possible",
            f"At least {smallest} judgements; P<.05 (exact binomial, against .5) for every n from {significant} on.",
        )


def _judgements(rates: Sequence[float], best: float, decimals: int) -> tuple[int, int]:
    """Fewest judgements that can give the rates, and from how many on the best is always significant."""
    sizes = range(1, 201)
    fitting = {
        n: [k for k in counts(best, decimals, n) if abs(k / n - best) < 0.5 * 10**-decimals - feasibility.TINY]
        for n in sizes
    }
    possible = [n for n in sizes if fitting[n]]
    weak = [n for n in possible if any(binomtest(k, n).pvalue >= 0.05 for k in fitting[n])]
    return possible[0], max(weak, default=0) + 1


def check_likerts(study: Study) -> Iterator[Row]:
    """Mean grades with n and P of the paired t test: the SD of the differences implied, and whether it can be."""
    for before, entry in tested(study, "likert"):
        means, n, digits = (before["value"], entry["value"]), entry["n"], entry["decimals"]
        low, high = feasibility.implied_sd(*means, digits, n, entry["p"])
        least, most = feasibility.possible_sd(*means, digits, n, study["tasks"][entry["task"]]["scale"])
        fits = low <= most and least <= high
        mean_square = (abs(means[1] - means[0])) ** 2
        changed = [round(n * mean_square + (n - 1) * sd**2) for sd in (max(low, least), min(high, most))]
        yield row(
            f"paired t, {named(entry)}",
            change(before, entry),
            f"SD of differences {f'{low:.2f}-' if low else 'below '}{high:.2f}",
            "possible" if fits else "impossible",
            f"Whole grades allow {least:.2f}-{most:.2f}. By steps of one, {changed[0]}-{changed[1]} of {n} changed.",
        )


def check_margins(study: Study) -> Iterator[Row]:
    """Reward margin / beta: how much further apart the policy holds two answers than the reference.

    The reward is beta log(policy / reference) (Rafailov et al. 2023, arXiv:2305.18290, section 5).
    """
    for entry in of_metric(study, "reward_margin"):
        beta = study["tasks"][entry["task"]]["beta"]
        low, high = (limit / beta for limit in printed_range(entry["value"], entry["decimals"]))
        gap, loss = entry["value"] / beta, math.log1p(math.exp(-entry["value"]))
        yield row(
            f"reward margin, {named(entry)}",
            f"{entry['value']:g} with beta {beta:g}",
            f"log-ratio gap {gap:,.0f} nats ({low:,.0f}-{high:,.0f})",
            "possible",
            f"A sum over tokens; answer lengths are not printed. With 100 tokens in both answers together it is "
            f"{gap / 100:.0f} nats a token, with 500 {gap / 500:.1f}. Sigmoid loss: {loss:.0e}.",
        )


def check_rouges(study: Study) -> Iterator[Row]:
    """Mean ROUGE F1 against mean precision and recall.

    An item's F1 is the harmonic mean of its precision and recall, which is concave, so the mean F1 is at most the
    harmonic mean of the means (Jensen 1906). An item's recall is its precision times answer length over reference
    length (Lin 2004), so mean recall / mean precision is the mean of these ratios, weighted by precision.
    """
    short = "answers have less than half their references' words, or precision and recall are exchanged"
    values = {(entry["metric"], entry["variant"]): entry for entry in study["entries"]}
    for (metric, variant), entry in values.items():
        kind, _, part = metric.rpartition("_")
        if not metric.startswith("rouge_") or part != "f1":
            continue
        precision, recall = (values[f"{kind}_{name}", variant] for name in ("precision", "recall"))
        low = printed_range(entry["value"], entry["decimals"])[0]
        p, r = (printed_range(one["value"], one["decimals"])[1] for one in (precision, recall))
        most, length = 2 * p * r / (p + r), recall["value"] / precision["value"]
        yield row(
            f"{kind.replace('_', '-').upper()}, {named(entry)}",
            f"F1 {entry['value']:.2f}, precision {precision['value']:.2f}, recall {recall['value']:.2f}",
            f"mean F1 is at most {most:.3f}",
            "impossible" if low > most + feasibility.TINY else f"only if {short}" if length < 0.5 else "possible",
            f"Mean length of an answer over its reference's, weighted by precision: {length:.2f}.",
        )


def check_costs(study: Study) -> Iterator[Row]:
    """Minutes of DPO over those of SFT, against the multiples that the paper states."""
    costs = {(entry["task"], entry["variant"]): entry["value"] for entry in of_metric(study, "cost_minutes")}
    stated = [found for found in study["contradictions"] if found.get("entry", {}).get("metric") == "cost_minutes"]
    for task in dict.fromkeys(task for task, _ in costs):
        ratio = costs[task, "dpo"] / costs[task, "sft"]
        for version in (version for found in stated for version in found["printed"]):
            low, high = (float(word) for word in version["value"].split() if word.isdigit())
            yield row(
                f"cost of DPO, {task}",
                f"{version['value']} SFT ({version['where'][0]})",
                f"{costs[task, 'dpo']} / {costs[task, 'sft']} minutes = {ratio:.1f}",
                "possible" if low <= ratio <= high else f"only if {ratio:.1f} counts as {high:g}",
            )


def check_significance(study: Study) -> Iterator[Row]:
    """The corrected threshold, and which printed P depend on how many tests it corrects for."""
    stated = study.get("significance")
    if not stated:
        return
    threshold = stated["alpha"] / stated["tests"]
    compared = [entry for entry in study["entries"] if entry["p"]]
    strict = stated["alpha"] / max(len(compared), 1)
    for low, high in ((threshold, stated["alpha"]), (strict, threshold)):
        between = [entry for entry in compared if low <= feasibility.p_range(entry["p"])[0] < high]
        yield row(
            f"P from {low:g} to {high:g}",
            f"threshold {stated['threshold']:g} = {stated['alpha']:g} / {stated['tests']}",
            "; ".join(f"{named(entry)} {printed_p(entry['p'])}" for entry in between) or "none",
            "possible" if math.isclose(threshold, stated["threshold"]) else "impossible",
            f"{stated['tests']} outcomes, {len(compared)} P: {stated['alpha']:g} / {len(compared)} = {strict:g}.",
        )
