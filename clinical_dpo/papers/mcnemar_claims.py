"""Check whether a paper's P values of McNemar's test are possible, given the accuracies and F1s that it prints."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np
from scipy.stats import hypergeom

from clinical_dpo.io import Row
from clinical_dpo.papers import feasibility
from clinical_dpo.papers.claims import change, claim_row, entry_title, metric_entries, number_ranges, tested_pairs
from clinical_dpo.papers.feasibility import TESTS, PositiveCounts, counts
from clinical_dpo.papers.published import Entry, Study, find_contradiction

TITLES = {"exact": "exact", "midp": "mid-P", "chi2": "chi-squared", "chi2_corrected": "continuity-corrected"}
UNPARSABLE = 3  # the search allows up to this many answers of a variant that are neither label
Positives = Mapping[str, Sequence[int]]  # test -> numbers of positives that allow a claim


def check_mcnemar(study: Study) -> Iterator[Row]:
    """Check whether the printed P values of McNemar's test are possible. Yield a row per check.

    There are four kinds of checks:

    - A P value that compares two accuracies is possible if there are discordant counts (b, c) that give it. The
      difference c - b follows from the accuracies.
    - A P value that compares two F1s is possible if there is a number of positive items for which a pair of confusion
      tables gives both F1s and the P value. If the paper prints a different value of an F1 elsewhere, each P value that
      compares this F1 is also checked with the different value. These checks are further rows.
    - The P values that compare F1s of a task are possible together if one number of positive items allows all of them,
      because the variants answer the same items.
    - The P values of the study are possible together if one form of McNemar's test can give each of them.
    """
    possible_tests = []  # the forms of the test that can give each P
    for before, entry in tested_pairs(study, "accuracy"):
        n = entry["n"]
        first, second = (
            np.array(counts(side["value"], side["decimals"], n)).reshape(-1, 1) for side in (before, entry)
        )
        discordant = {test: feasibility.discordant_counts(first, second, [n], test, entry["p"]) for test in TESTS}
        possible_tests.append({test for test in TESTS if discordant[test]})
        yield claim_row(
            _subject(entry),
            change(before, entry),
            _group_tests({test: _discordance(discordant[test]) for test in TESTS}),
            _verdict(possible_tests[-1]),
            "b: items that only the first variant answers rightly. c: items that only the second answers rightly.",
        )
    for task, group in groupby(metric_entries(study, "f1"), key=lambda entry: entry["task"]):
        chains = [list(chain) for _, chain in groupby(group, key=lambda entry: entry["model"])]
        chains = [chain for chain in chains if all(entry["p"] for entry in chain[1:])]
        if not chains:
            continue
        n = chains[0][0]["n"]
        joint = {test: set(range(n)) for test in TESTS}
        for chain in chains:
            possible = _possible_positives(chain)
            possible_tests += [{test for test in TESTS if possible[test].links[link]} for link in range(len(chain) - 1)]
            yield from _f1_rows(study, chain, possible)
            for alternative in _contradicting_chains(study, chain):
                for row in _f1_rows(study, alternative, _possible_positives(alternative)):
                    yield row | {"what": f"{row['what']}, as printed elsewhere"}
            joint = {test: joint[test] & set(possible[test].chain) for test in TESTS}
        yield claim_row(
            f"all P of {task} on one test set",
            f"{sum(len(chain) - 1 for chain in chains)} P, n={n}",
            f"positives {_group_tests({test: number_ranges(sorted(joint[test])) for test in TESTS})}",
            _verdict({test for test in TESTS if joint[test]}),
            "The numbers of positive items with which all P are possible, if every answer is one of the two labels.",
        )
    if possible_tests:
        yield claim_row(
            "one form of McNemar's test for all P",
            f"{len(possible_tests)} P by McNemar's test",
            ", ".join(f"{TITLES[test]} {sum(test in tests for tests in possible_tests)}" for test in TESTS),
            _verdict(set.intersection(*possible_tests)),
            "The number of P that each form of the test can give, if every answer is one of the two labels.",
        )


def _subject(entry: Entry) -> str:
    return f"McNemar's P, {entry_title(entry)}"


def _discordance(pairs: Sequence[tuple[int, int]]) -> str:
    if not pairs:
        return "none"
    b, c = zip(*pairs, strict=True)
    return f"{len(pairs)} (b, c), b {min(b)}-{max(b)}, c {min(c)}-{max(c)}"


def _group_tests(texts: Mapping[str, str]) -> str:
    """Join the results of McNemar's tests into one text: "3-5 (exact); none (mid-P, chi-squared)".

    Each result is followed by the tests that have it. If all tests have the same result, the text is only this result.

    Args:
        texts: test, one of TESTS -> its result, such as "3-5" or "none".
    """
    titles: dict[str, list[str]] = {}
    for test, text in texts.items():
        titles.setdefault(text, []).append(TITLES[test])
    if len(titles) == 1:
        return next(iter(titles))
    return "; ".join(f"{text} ({', '.join(names)})" for text, names in titles.items())


def _verdict(tests: set[str], condition: str = "", alternative: str = "") -> str:
    """Return the verdict on one printed P of McNemar's test, or on several together.

    The verdict is "possible", "impossible", or "only if ..." with the conditions under which the P is possible.

    Args:
        tests: the forms of McNemar's test, members of TESTS, that can give the P.
        condition: what must also be true for these forms to give the P; "" if nothing more is needed.
        alternative: another condition. If it is true, the P is possible even if `tests` is empty or `condition` is
            false. "" if there is no such condition.
    """
    if not tests:
        return f"only if {alternative}" if alternative else "impossible"
    titles = [TITLES[test] for test in TESTS if test in tests]
    test_condition = "" if len(titles) == len(TESTS) else f"the test is {' or '.join(titles)}"
    conditions = " and ".join(filter(None, (condition, test_condition)))
    return f"only if {', or '.join(filter(None, (conditions, alternative)))}" if conditions else "possible"


def _possible_positives(
    chain: Sequence[Entry], average: str = "binary", unparsable: int = 0
) -> dict[str, PositiveCounts]:
    f1s, p_values = [entry["value"] for entry in chain], [entry["p"] for entry in chain[1:]]
    n, decimals = chain[0]["n"], chain[0]["decimals"]
    return feasibility.possible_positives(f1s, p_values, n, decimals, average, unparsable)


def _contradicting_chains(study: Study, chain: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Yield a short chain for each different value that the paper prints elsewhere for an F1 of `chain`.

    The short chain is [previous F1, this F1 with the other value, next F1]. The previous and the next F1 are taken from
    `chain`. For the first F1 of `chain`, there is no previous F1. For the last F1, there is no next F1.

    Args:
        study: the paper's printed results.
        chain: the entries (printed numbers) of the F1s of one model's variants. Each printed P compares an F1 with the
            previous F1.
    """
    for index, entry in enumerate(chain):
        for version in (find_contradiction(study, entry) or {"printed": []})["printed"]:
            if isinstance(version["value"], float) and version["value"] != entry["value"]:
                yield [*chain[max(index - 1, 0) : index], entry | version, *chain[index + 1 : index + 2]]


def _f1_rows(study: Study, chain: Sequence[Entry], possible: Mapping[str, PositiveCounts]) -> Iterator[Row]:
    for link, pair in enumerate(pairwise(chain)):
        positives = {test: possible[test].links[link] for test in TESTS}
        yield claim_row(
            _subject(pair[1]),
            change(*pair),
            f"positives {_group_tests({test: number_ranges(positives[test]) for test in TESTS})}",
            *_f1_verdict(study, pair, positives),
        )


def _f1_verdict(study: Study, pair: tuple[Entry, Entry], possible: Positives) -> tuple[str, str]:
    """Return the verdict on the printed P that compares two F1s, and a text with details.

    If the paper states the number of rows of each class in the whole data set, the test set is expected to have the
    same proportions of classes.

    Args:
        study: the paper's printed results.
        pair: the entries (printed numbers) of the two F1s.
        possible: form of McNemar's test, one of TESTS -> the possible numbers of positive test items. With each of
            these numbers, both F1s and the P can be as printed.
    """
    n, classes = pair[1]["n"], study["tasks"][pair[1]["task"]].get("classes")
    tests = {test for test in TESTS if possible[test]}
    expected, condition, detail = set(range(n)), "", ""
    if classes:
        positives, rows = classes["positive"], classes["positive"] + classes["negative"]
        expected = {n * positives // rows}
        if not any(expected & set(allowed) for allowed in possible.values()):
            allowed = sorted(set().union(*possible.values()))
            chance = sum(hypergeom.pmf(allowed, rows, positives, n))
            condition = f"{number_ranges(allowed)} of {n} are positive" if allowed else ""
            detail = (
                f"If {positives} of {rows} rows are positive, a random test set has {number_ranges(allowed)} positive "
                f"items with probability {chance:.4f}. "
                if allowed
                else ""
            )
    if len(tests) == len(TESTS) and not condition:
        return "possible", ""
    macro = {test: number_ranges(counts.links[0]) for test, counts in _possible_positives(pair, "macro").items()}
    detail += f"If the paper's F1 is macro F1: positives {_group_tests(macro)}. "
    for answers in range(1, UNPARSABLE + 1):
        if expected & set(_possible_positives(pair, unparsable=answers)["exact"].links[0]):
            detail += "An unparsable answer to a negative item is wrong, but F1 does not count it."
            return _verdict(tests, condition, f"{answers} or more answers of a variant are unparsable"), detail
    return _verdict(tests, condition), detail
