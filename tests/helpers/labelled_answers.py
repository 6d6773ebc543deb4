"""Random labels with answers: invalid answers, absent classes and ties among them."""

import numpy as np

CLASSES = ["yes", "no", "maybe"]


def drawn(seed, items=40, classes=CLASSES, invalid=0.15, skill=0.5, absent=()):
    """Labels and answers of some classes; no item and no answer has an absent one."""
    draw = np.random.default_rng(seed)
    present = [name for name in classes if name not in absent]
    labels = draw.choice(present, items).tolist()
    guesses = draw.choice(present, items)
    answers = [
        label if right else guess
        for label, guess, right in zip(labels, guesses, draw.random(items) < skill, strict=True)
    ]
    return labels, ["" if lost else answer for answer, lost in zip(answers, draw.random(items) < invalid, strict=True)]


def drawn_probabilities(seed, items=60, classes=CLASSES, tied=False):
    """Labels, and probabilities that are informative about them. Tied probabilities are rounded to tenths."""
    draw = np.random.default_rng(seed)
    codes = draw.integers(len(classes), size=items)
    logits = draw.normal(size=(items, len(classes))) + 1.2 * np.eye(len(classes))[codes]
    values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if tied:
        values = np.round(values, 1)
        values[:, -1] = 1 - values[:, :-1].sum(axis=1)
    return [dict(zip(classes, row, strict=True)) for row in values.tolist()], [classes[code] for code in codes]
