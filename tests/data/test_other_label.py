"""The rejected label: never the reference answer, drawn among the others, near ones more often where asked."""

import random
from collections import Counter

import pytest

from clinical_dpo.data.other_label import label_weights, other_label

LEVELS = ["emergency", "today", "week", "never"]


def shares(chosen, weights, draws=20_000):
    draw = random.Random(1)
    counts = Counter(other_label(chosen, LEVELS, draw, weights) for _ in range(draws))
    return {label: count / draws for label, count in counts.items()}


def test_of_two_labels_the_other_is_taken_and_nothing_drawn():
    draw = random.Random(1)
    before = draw.getstate()
    assert other_label("UTI", ["UTI", "No UTI"], draw) == "No UTI"
    assert other_label("No UTI", ["UTI", "No UTI"], draw, "near") == "UTI"
    assert draw.getstate() == before


def test_uniform_draws_every_other_label_as_often():
    assert shares("today", "uniform") == pytest.approx(dict.fromkeys(["emergency", "week", "never"], 1 / 3), abs=0.02)


def test_near_labels_are_drawn_by_the_inverse_square_of_their_distance():
    whole = 1 + 1 / 4 + 1 / 9
    assert shares("emergency", "near") == pytest.approx(
        {"today": 1 / whole, "week": 1 / 4 / whole, "never": 1 / 9 / whole}, abs=0.02
    )
    assert label_weights("week", LEVELS, "near") == [1 / 4, 1, 1]
