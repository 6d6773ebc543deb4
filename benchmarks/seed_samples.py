"""Samples of training seeds and test items, to simulate the interval over training seeds."""

import numpy as np
from scipy.special import expit

from clinical_dpo.statistics.seed_intervals import SeedEffect, seed_effect
from clinical_dpo.statistics.training_seeds import f1_difference as f1_of_means

ITEMS = 200
SPREADS = {"small": 0.05, "moderate": 0.3, "large": 1.0}  # SD between seeds, on the logit scale
ITEM_SD = 1.0  # SD between items, on the logit scale
POSITIVES = 0.3  # share of positive items
BASE, TRAINED = 0.5, 1.5  # mean logit of the probability of a right answer


def sampled_effects(generator: np.random.Generator, seeds: int, spread: float) -> tuple[SeedEffect, SeedEffect]:
    """Draw one sample of training seeds and items, and compare a trained variant with the base model.

    Args:
        generator: source of the draws.
        seeds: number of training seeds.
        spread: standard deviation between seeds, on the logit scale.

    Returns:
        The difference of right answers and the difference of F1, each with its interval.
    """
    logits = generator.normal(0, ITEM_SD, ITEMS)
    positive = generator.random(ITEMS) < POSITIVES
    right = generator.random((seeds, ITEMS)) < expit(generator.normal(TRAINED, spread, (seeds, 1)) + logits)
    base = np.tile(generator.random(ITEMS) < expit(BASE + logits), (seeds, 1))
    terms = [  # of numerator and denominator of both F1
        term
        for correct in (right, base)
        for term in (2.0 * (positive & correct), positive + 1.0 * (positive == correct))
    ]
    return seed_effect(right.astype(float) - base), seed_effect(np.stack(terms, axis=-1), f1_of_means)
