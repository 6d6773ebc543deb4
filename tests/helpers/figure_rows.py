"""Rows for every figure, with two models, long names wherever a study names something, and the arms of figure 2."""

from clinical_dpo.report.cost_table import COLUMNS as COST
from clinical_dpo.report.figures import (
    confusion,
    cost,
    figure2,
    reliability,
    reward_margin,
    subgroups,
    sweep,
    training_curves,
)
from clinical_dpo.statistics.subgroups import ALL
from tests.helpers.arms import arm_tables
from tests.helpers.figure2 import tables
from tests.helpers.trivial_rows import trivial_rows

MODELS = ("llama", "mistral")
PAIRS = ("sft_vs_base", "dpo_vs_sft", "dpo_vs_base")


def draw_all(name, paths, watermark=None):
    """Draw every figure with `name` as its titles, models, labels and levels; returns kind -> how to draw it again.

    Args:
        name: what every name is.
        paths: kind of figure -> the files to write.
        watermark: text laid over the figures.
    """
    models, tasks = dict.fromkeys(MODELS, name), {"uti": name}
    one = {"title": name, "model_names": models, "watermark": watermark}
    all_tasks = {"task_names": tasks, "model_names": models}
    marks = {"watermarks": {"uti": watermark}}
    for kind, (metrics, stats) in {"figure2": tables(), "arms": arm_tables()}.items():
        rows = [row | {"positive_class": name} for row in metrics]
        trivial = [row | {"label": name} for row in trivial_rows()]
        figure2.plot_comparison(rows, stats, metric="f1", panel="a", trivial_rows=trivial, paths=paths(kind), **one)
    confusion.plot_confusion(confusion_rows(name), paths=paths("confusion"), **one)
    reliability.plot_reliability(reliability_rows(name), paths=paths("reliability"), **one)
    subgroups.plot_subgroups(subgroup_rows(name), paths=paths("subgroups"), **one)
    training_curves.plot_training_curves(curve_rows(), paths=paths("training_curves"), **one)
    sweep.plot_sweep(sweep_rows(), paths=paths("sweep"), **all_tasks, **marks)
    reward_margin.plot_reward_margin(margin_rows(), paths=paths("reward_margin"), **all_tasks, **marks)
    cost.plot_cost(cost_rows(), paths=paths("cost"), watermark=watermark, **all_tasks)


def confusion_rows(name, labels=3):
    """Confusion matrices of three variants of each model. A label of a long name differs at its end."""
    shown = [f"{name} {number}" for number in range(labels)]
    return [
        {"model": model, "variant": variant, "label": label, "answer": answer, "n": 100, "share": 0.5}
        for model in MODELS
        for variant in ("base", "sft", "dpo")
        for label in shown
        for answer in (*shown, "")
    ]


def reliability_rows(name):
    """Two bins of every variant, arms too."""
    return [
        {"model": model, "variant": variant, "label": name, "mean_probability": p, "observed": p, "n": 50}
        | {"ci_low": p - 0.1, "ci_high": p + 0.1}
        for model in MODELS
        for variant in ("base", "sft", "dpo", "few_shot", "sft_longer", "dpo_sft")
        for p in (0.3, 0.7)
    ]


def subgroup_rows(name):
    """Differences of two models in two subgroups, with a masked level."""
    levels = [(ALL, ALL), (name, f"{name} a"), (name, f"{name} b")]
    return [
        {"model": model, "compared": compared, "subgroup": subgroup, "level": level, "measure": "accuracy"}
        | {"estimate": "" if level.endswith(" b") else 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_levels_holm": 0.04}
        | {"masked": "true" if level.endswith(" b") else "false"}
        for model in MODELS
        for compared in PAIRS
        for subgroup, level in levels
    ]


def curve_rows():
    """Curves of a small loss, whose tick labels are long."""
    return [
        {"task": "uti", "model": model, "stage": stage, "learning_rate": rate, "beta": beta, "trial": f"{rate}"}
        | {"chosen": "true", "step": step, "eval_loss": 0.1655 - step / 1e5}
        for model in MODELS
        for stage, beta in (("sft", ""), ("dpo", 0.1))
        for rate in (1e-5, 1e-4)
        for step in (0, 50, 100)
    ]


def sweep_rows():
    """A sweep of two learning rates for each stage."""
    return [
        {"task": "uti", "model": model, "stage": stage, "beta": beta, "learning_rate": rate, "trial": f"{rate}"}
        | {
            "metric": "balanced_accuracy",
            "score": 0.8,
            "n": 80,
            "invalid_rate": 0.1,
            "chosen": str(rate == 1e-4).lower(),
        }
        for model in MODELS
        for stage, beta in (("sft", ""), ("dpo", 0.1))
        for rate in (1e-5, 1e-4)
    ]


def margin_rows():
    """Reward margins of both splits."""
    return [
        {"task": "uti", "model": model, "split": split, "beta": 0.01, "epoch": epoch, "margin": 11.5 * epoch}
        | {"accuracy": 0.9, "ties": 0.1}
        for model in MODELS
        for split in ("train", "eval")
        for epoch in (0.0, 0.5, 1.0)
    ]


def cost_rows(published=160):
    """The cost of two models; `published` minutes of the paper, or None."""
    shared = dict.fromkeys(COST, "") | {"task": "uti", "device": "NVIDIA A100"}
    return [
        shared
        | {"model": model, "stage": stage, "minutes_per_1000_steps": minutes, "seconds": 7200}
        | {"published_minutes": published or ""}
        | ({"row_ratio": 2.5, "run_ratio": 3.5} if stage == "dpo" else {})
        for model in MODELS
        for stage, minutes in (("sft", 0.6), ("dpo", 1.5))
    ]
