"""The threshold chosen on dev: optimal by its rule against a search over all cuts."""

import numpy as np
import pytest
from sklearn import metrics as sk

from clinical_dpo.errors import UserError
from clinical_dpo.statistics.operating_threshold import choose_threshold
from tests.helpers.labelled_answers import drawn_probabilities


def case(seed, tied):
    probabilities, labels = drawn_probabilities(seed, items=30, classes=["UTI", "No UTI"], tied=tied)
    return np.array([row["UTI"] for row in probabilities]), np.array(labels) == "UTI"


def shares(scores, positive, threshold):
    called = scores >= threshold
    return called[positive].mean(), (~called[~positive]).mean()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_no_cut_is_better_by_the_rule(seed, tied):
    scores, positive = case(seed, tied)
    cuts = np.unique([*scores, *(scores + 1e-9), 0.0])
    both = [shares(scores, positive, cut) for cut in cuts]
    chosen = choose_threshold(scores, positive, "youden")
    assert (chosen.sensitivity, chosen.specificity) == pytest.approx(shares(scores, positive, chosen.value))
    assert chosen.sensitivity + chosen.specificity >= max(map(sum, both)) - 1e-12
    chosen = choose_threshold(scores, positive, "f1")
    best = max(sk.f1_score(positive, scores >= cut, zero_division=0) for cut in cuts)
    assert sk.f1_score(positive, scores >= chosen.value) == pytest.approx(best)
    chosen = choose_threshold(scores, positive, "sensitivity", 0.9)
    assert chosen.sensitivity >= 0.9
    assert chosen.specificity >= max(specific for sensitive, specific in both if sensitive >= 0.9) - 1e-12


def test_equally_good_cuts_give_the_one_nearest_to_a_half():
    assert choose_threshold([0.9, 0.1], [True, False], "youden").value == pytest.approx(0.5)
    scores, positive = [0.95, 0.7, 0.2, 0.05], [True, False, True, False]  # cuts at .825 and .125 are as good
    assert choose_threshold(scores, positive, "youden").value == pytest.approx(0.825)


def test_a_sensitivity_of_one_is_reached_at_the_lowest_positive_item():
    chosen = choose_threshold([0.9, 0.8, 0.3, 0.2, 0.1], [True, False, True, False, False], "sensitivity", 1.0)
    assert chosen.value == pytest.approx(0.25) and (chosen.n, chosen.sensitivity) == (5, 1)
    assert chosen.specificity == pytest.approx(2 / 3)


def test_probabilities_of_one_can_be_called_positive():
    assert choose_threshold([1.0, 1.0, 0.0], [True, False, False], "f1").sensitivity == 1


@pytest.mark.parametrize(
    ("positive", "rule", "at_least", "mend"),
    [
        ([True, True], "youden", None, "splits.dev"),
        ([True, False], "best", None, "youden"),
        ([True, False], "sensitivity", None, "at_least"),
    ],
)
def test_errors_say_what_to_change(positive, rule, at_least, mend):
    with pytest.raises(UserError, match=mend):
        choose_threshold([0.2, 0.7], positive, rule, at_least)
