"""Grades of two models on one task, their tables, and figure 2 of them."""

import copy
import random
from functools import cache

from clinical_dpo.report.figures import figure2
from clinical_dpo.statistics import comparisons as significance
from clinical_dpo.statistics import metrics
from clinical_dpo.statistics import training_seeds as seed_effects
from tests.helpers.grade_rows import label_rows

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


def label_grades(seed, accuracy, status="complete"):
    """Grades of 100 answers with labels. A share of about `accuracy` is right."""
    draw, opposite = random.Random(seed), {"UTI": "No UTI", "No UTI": "UTI"}
    labels = ["UTI", "No UTI"] * 50
    answers = [label if draw.random() < accuracy else opposite[label] for label in labels]
    return [row | {"status": status} for row in label_rows(labels, answers)]


def graded(last="complete"):
    """Grades with a clear gain in one model and none in the other; `last` is the last variant's status."""
    return {
        ("llama", "base"): label_grades(1, 0.5),
        ("llama", "sft"): label_grades(2, 0.95),
        ("llama", "dpo"): label_grades(3, 0.95),
        ("mistral", "base"): label_grades(4, 0.8),
        ("mistral", "sft"): label_grades(5, 0.8),
        ("mistral", "dpo"): label_grades(6, 0.8, last),
    }


def repeated():
    """Grades of both models trained again with two extra seeds."""
    return {
        (model, f"{variant}_seed{seed}"): label_grades(f"{model} {variant} {seed}", accuracy)
        for model, accuracy in (("llama", 0.9), ("mistral", 0.8))
        for variant in ("sft", "dpo")
        for seed in (43, 44)
    }


@cache
def seed_rows():
    """The table over three training seeds."""
    task = TASK | {"seed": 1}
    return seed_effects.compare_seeds(graded() | repeated(), task, [42, 43, 44])


@cache
def computed_tables(last, data):
    grades = graded(last)
    task = TASK | {"data": data, "seed": 1}
    return metrics.task_metrics(grades, task), significance.compare_variants(grades, task, alpha=0.05, family="abcde")


def tables(last="complete", data="real"):
    """Tables of metrics and of comparisons of the task. A caller may change its rows."""
    return copy.deepcopy(computed_tables(last, data))


def draw(folder, rows, kinds=("svg",), watermark=None, **options):
    """Draw panel a of figure 2 in some formats; returns the paths."""
    paths = [folder / f"figure2a.{kind}" for kind in kinds]
    options = {"metric": "f1", "title": "Simple classification", "panel": "a", "model_names": NAMES} | options
    figure2.plot_comparison(*rows, watermark=watermark, paths=paths, **options)
    return paths
