"""Grades of two models on one task, their tables, and figure 2 drawn of them."""

import random
from functools import cache

from clinical_dpo.report.figures import figure2
from clinical_dpo.statistics import comparisons as significance
from clinical_dpo.statistics import metrics
from clinical_dpo.statistics import training_seeds as seed_effects

TASK = {
    "name": "uti",
    "metric": "f1",
    "paired_test": "mcnemar",
    "positive": "UTI",
    "negative": "No UTI",
    "data": "real",
}
NAMES = {"llama": "Llama3", "mistral": "Mistral2"}
WATERMARK = "demo: synthetic data, proxy grades"


def answered(seed, share_right, status="complete"):
    draw, other = random.Random(seed), {"UTI": "No UTI", "No UTI": "UTI"}
    labels = ["UTI", "No UTI"] * 50
    parsed = [label if draw.random() < share_right else other[label] for label in labels]
    return [
        {"id": str(number), "grade": str(int(label == found)), "grader": "label", "label": label, "parsed": found}
        | {"valid": "true", "status": status, "proxy": "false"}
        for number, (label, found) in enumerate(zip(labels, parsed, strict=True))
    ]


def graded(last="complete"):
    """A clear gain in one model, none in the other; the last variant's grades complete or pending."""
    return {
        ("llama", "base"): answered(1, 0.5),
        ("llama", "sft"): answered(2, 0.95),
        ("llama", "dpo"): answered(3, 0.95),
        ("mistral", "base"): answered(4, 0.8),
        ("mistral", "sft"): answered(5, 0.8),
        ("mistral", "dpo"): answered(6, 0.8, last),
    }


def repeated():
    """Grades of both models trained again with two other seeds."""
    return {
        (model, f"{variant}_seed{seed}"): answered(f"{model} {variant} {seed}", share)
        for model, share in (("llama", 0.9), ("mistral", 0.8))
        for variant in ("sft", "dpo")
        for seed in (43, 44)
    }


@cache
def seed_rows():
    """The table over three training seeds."""
    task = TASK | {"seed": 1}
    return seed_effects.compare_seeds(graded() | repeated(), task, [42, 43, 44])


def tables(last="complete", data="real"):
    """Both tables of a task."""
    grades = graded(last)
    task = TASK | {"data": data, "seed": 1}
    return metrics.task_metrics(grades, task), significance.compare_variants(grades, task, alpha=0.05, family="abcde")


def draw(folder, rows, kinds=("svg",), watermark=None, **options):
    paths = [folder / f"figure2a.{kind}" for kind in kinds]
    options = {"metric": "f1", "title": "Simple classification", "panel": "a", "model_names": NAMES} | options
    figure2.plot_comparison(*rows, watermark=watermark, paths=paths, **options)
    return paths
