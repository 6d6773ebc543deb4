"""Grades of two models on one task, their tables, and figure 2 drawn from these."""

import random
from functools import cache

from clinical_dpo.report.figures import figure2
from clinical_dpo.statistics import comparisons, metrics, training_seeds

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


def answer_grades(seed, share_right, status="complete"):
    """Grades of 100 answers, of which about `share_right` name the label and all others the opposite label."""
    generator, opposite = random.Random(seed), {"UTI": "No UTI", "No UTI": "UTI"}
    labels = ["UTI", "No UTI"] * 50
    parsed = [label if generator.random() < share_right else opposite[label] for label in labels]
    return [
        {"id": str(number), "grade": str(int(label == answer)), "grader": "label", "label": label, "parsed": answer}
        | {"valid": "true", "status": status, "proxy": "false"}
        for number, (label, answer) in enumerate(zip(labels, parsed, strict=True))
    ]


def graded(last="complete"):
    """Grades with a clear gain in one model and none in the other; those of the last variant have status `last`."""
    return {
        ("llama", "base"): answer_grades(1, 0.5),
        ("llama", "sft"): answer_grades(2, 0.95),
        ("llama", "dpo"): answer_grades(3, 0.95),
        ("mistral", "base"): answer_grades(4, 0.8),
        ("mistral", "sft"): answer_grades(5, 0.8),
        ("mistral", "dpo"): answer_grades(6, 0.8, last),
    }


def extra_seed_grades():
    """Grades of both models with two extra training seeds."""
    return {
        (model, f"{variant}_seed{seed}"): answer_grades(f"{model} {variant} {seed}", share)
        for model, share in (("llama", 0.9), ("mistral", 0.8))
        for variant in ("sft", "dpo")
        for seed in (43, 44)
    }


@cache
def seed_rows():
    """Rows of the table over three training seeds."""
    task = TASK | {"seed": 1}
    return training_seeds.compare_seeds(graded() | extra_seed_grades(), task, [42, 43, 44])


def tables(last="complete", data="real"):
    """Rows of a task's metrics table and of its statistics table."""
    grades = graded(last)
    task = TASK | {"data": data, "seed": 1}
    return metrics.task_metrics(grades, task), comparisons.compare_variants(grades, task, alpha=0.05, family="abcde")


def draw(folder, rows, kinds=("svg",), watermark=None, **options):
    """Draw figure 2 from the rows of `tables` in every format; returns the paths."""
    paths = [folder / f"figure2a.{kind}" for kind in kinds]
    options = {"metric": "f1", "title": "Simple classification", "panel": "a", "model_names": NAMES} | options
    figure2.plot_comparison(*rows, watermark=watermark, paths=paths, **options)
    return paths
