"""Printed accuracies and F1s against the printed P of McNemar's test."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np
from scipy.stats import hypergeom

from clinical_dpo.io import Row
from clinical_dpo.papers import feasibility
from clinical_dpo.papers.claims import Study, change, named, of_metric, row, runs, tested
from clinical_dpo.papers.feasibility import TESTS, Fit, counts
from clinical_dpo.papers.published import contradiction

TITLES = {"exact": "exact", "midp": "mid-P", "chi2": "chi-squared", "chi2_corrected": "continuity-corrected"}
UNPARSABLE = 3  # how many answers that are neither label are tried
Positives = Mapping[str, Sequence[int]]  # test -> numbers of positives that allow a claim


def check_mcnemar(study: Study) -> Iterator[Row]:
    """Rows about every P of McNemar's test: each alone, all of a task on one test set, all by one form of the test.

    Accuracies: the discordant counts (b, c) that give the P; c - b is fixed by the counts that round to both. F1s: the
    numbers of positives for which some pair of confusion tables gives both F1s and the P. The variants of one task
    meet on the same items, so one number of positives must do for all of them.
    """
    forms = []
    for before, entry in tested(study, "accuracy"):
        n = entry["n"]
        first, second = (np.array(counts(one["value"], one["decimals"], n)).reshape(-1, 1) for one in (before, entry))
        found = {test: feasibility.discordants(first, second, [n], test, entry["p"]) for test in TESTS}
        forms.append({test for test in TESTS if found[test]})
        said = _grouped({test: _discordance(found[test]) for test in TESTS})
        yield row(
            _what(entry), change(before, entry), said, _verdict(forms[-1]), "b: right before only, c: after only."
        )
    for task, group in groupby(of_metric(study, "f1"), key=lambda entry: entry["task"]):
        chains = [list(chain) for _, chain in groupby(group, key=lambda entry: entry["model"])]
        chains = [chain for chain in chains if all(entry["p"] for entry in chain[1:])]
        if not chains:
            continue
        n = chains[0][0]["n"]
        joint = {test: set(range(n)) for test in TESTS}
        for chain in chains:
            fits = _fits(chain)
            forms += [{test for test in TESTS if fits[test].links[link]} for link in range(len(chain) - 1)]
            yield from _f1_rows(study, chain, fits)
            for other in _otherwise(study, chain):
                for found_row in _f1_rows(study, other, _fits(other)):
                    yield found_row | {"what": f"{found_row['what']}, as printed elsewhere"}
            joint = {test: joint[test] & set(fits[test].chain) for test in TESTS}
        yield row(
            f"all P of {task} on one test set",
            f"{sum(len(chain) - 1 for chain in chains)} P, n={n}",
            f"positives {_grouped({test: runs(sorted(joint[test])) for test in TESTS})}",
            _verdict({test for test in TESTS if joint[test]}),
            "Positives for which all can hold, where every answer is one of the two labels.",
        )
    if forms:
        yield row(
            "one form of McNemar's test for all P",
            f"{len(forms)} P by McNemar's test",
            ", ".join(f"{TITLES[test]} {sum(test in fitting for fitting in forms)}" for test in TESTS),
            _verdict(set.intersection(*forms)),
            "How many P each form can give, where every answer is one of the two labels.",
        )


def _what(entry: Row) -> str:
    return f"McNemar's P, {named(entry)}"


def _discordance(pairs: Sequence[tuple[int, int]]) -> str:
    if not pairs:
        return "none"
    b, c = zip(*pairs, strict=True)
    return f"{len(pairs)} (b, c), b {min(b)}-{max(b)}, c {min(c)}-{max(c)}"


def _grouped(said: Mapping[str, str]) -> str:
    """What is said of each test, tests of which the same is said together."""
    tests: dict[str, list[str]] = {}
    for test, text in said.items():
        tests.setdefault(text, []).append(TITLES[test])
    if len(tests) == 1:
        return next(iter(tests))
    return "; ".join(f"{text} ({', '.join(titles)})" for text, titles in tests.items())


def _verdict(fitting: set[str], condition: str = "", otherwise: str = "") -> str:
    if not fitting:
        return f"only if {otherwise}" if otherwise else "impossible"
    titles = [TITLES[test] for test in TESTS if test in fitting]
    tests = "" if len(titles) == len(TESTS) else f"the test is {' or '.join(titles)}"
    conditions = " and ".join(filter(None, (condition, tests)))
    return f"only if {', or '.join(filter(None, (conditions, otherwise)))}" if conditions else "possible"


def _fits(chain: Sequence[Row], average: str = "binary", unparsable: int = 0) -> dict[str, Fit]:
    f1s, p_values = [entry["value"] for entry in chain], [entry["p"] for entry in chain[1:]]
    n, decimals = chain[0]["n"], chain[0]["decimals"]
    return feasibility.fitting_positives(f1s, p_values, n, decimals, average, unparsable)


def _otherwise(study: Study, chain: Sequence[Row]) -> Iterator[list[Row]]:
    """A number that the paper prints differently elsewhere, between the variants before and after it."""
    for index, entry in enumerate(chain):
        for version in (contradiction(study, entry) or {"printed": []})["printed"]:
            if isinstance(version["value"], float) and version["value"] != entry["value"]:
                yield [*chain[max(index - 1, 0) : index], entry | version, *chain[index + 1 : index + 2]]


def _f1_rows(study: Study, chain: Sequence[Row], fits: Mapping[str, Fit]) -> Iterator[Row]:
    for link, pair in enumerate(pairwise(chain)):
        found = {test: fits[test].links[link] for test in TESTS}
        yield row(
            _what(pair[1]),
            change(*pair),
            f"positives {_grouped({test: runs(found[test]) for test in TESTS})}",
            *_f1_verdict(study, pair, found),
        )


def _f1_verdict(study: Study, pair: tuple[Row, Row], found: Positives) -> tuple[str, str]:
    """Verdict and detail; where classes are stated, the test set is expected to hold them in proportion."""
    n, classes = pair[1]["n"], study["tasks"][pair[1]["task"]].get("classes")
    fitting = {test for test in TESTS if found[test]}
    wanted, condition, detail = set(range(n)), "", ""
    if classes:
        positives, rows = classes["positive"], classes["positive"] + classes["negative"]
        wanted = {n * positives // rows}
        if not any(wanted & set(allowed) for allowed in found.values()):
            allowed = sorted(set().union(*found.values()))
            chance = sum(hypergeom.pmf(allowed, rows, positives, n))
            condition = f"{runs(allowed)} of {n} are positive" if allowed else ""
            detail = f"A random split of {positives} of {rows} has so many with P {chance:.4f}. " if allowed else ""
    if len(fitting) == len(TESTS) and not condition:
        return "possible", ""
    macro = {test: runs(fit.links[0]) for test, fit in _fits(pair, "macro").items()}
    detail += f"Were it macro F1: positives {_grouped(macro)}. "
    for answers in range(1, UNPARSABLE + 1):
        fits = _fits(pair, unparsable=answers)
        if wanted & set(fits["exact"].links[0]):
            detail += "Such an answer to a negative item is wrong, yet not in F1."
            return _verdict(fitting, condition, f"{answers} or more answers of a variant are unparsable"), detail
    return _verdict(fitting, condition), detail
