"""Simulate intervals over training seeds. `benchmarks.coverage` writes the results to its tables."""

from collections.abc import Iterator

import numpy as np
from scipy.special import expit

from benchmarks.coverage_measures import Row, coverage, f1_of
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


def seed_rows(samples: int) -> Iterator[Row]:
    """Yield the table's rows: how often the interval over training seeds contains the true difference.

    The difference is between a trained variant and the base model, in right answers and in F1.

    Args:
        samples: number of samples per row.
    """
    generator = np.random.default_rng(23)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    base = expit(BASE + ITEM_SD * nodes) @ weights
    for name, spread in SPREADS.items():
        trained = expit(TRAINED + spread * nodes[:, np.newaxis] + ITEM_SD * nodes) @ weights  # accuracy by seed
        scores = np.array([f1_of(accuracy, accuracy, POSITIVES) for accuracy in trained])
        truths = trained @ weights - base, scores @ weights - f1_of(base, base, POSITIVES)
        sd = np.sqrt(trained**2 @ weights - (trained @ weights) ** 2)
        for seeds in (2, 3, 5, 10):
            drawn = [sampled_effects(generator, seeds, spread) for _ in range(samples)]
            numbers = []
            for index, truth in enumerate(truths):
                low, high = np.array([(effects[index].ci_low, effects[index].ci_high) for effects in drawn]).T
                numbers += [f"{coverage(low, high, truth):.4f}", f"{np.mean(high - low):.3f}"]
            yield [f"{name} ({100 * sd:.1f} points)", seeds, *numbers]
