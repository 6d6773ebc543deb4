"""The plateau step on curves of known plateau."""

import math

import pytest

from clinical_dpo.training.plateau import eval_curve, plateau_step
from clinical_dpo.training.run import log_rows


def test_the_plateau_of_exponential_decay_equals_its_closed_form():
    """exp(-t/100) is within 5% of its fall over 0..1000 from t = 100 ln(1 / (.05 (1 - e^-10) + e^-10)) on."""
    curve = [(step, 2 + math.exp(-step / 100)) for step in range(0, 1001, 50)]
    exact = 100 * math.log(1 / (0.05 * (1 - math.exp(-10)) + math.exp(-10)))
    assert plateau_step(curve, 0.05) == math.ceil(exact / 50) * 50 == 300


def test_scale_and_offset_do_not_change_the_plateau():
    curve = [(0, 3.0), (50, 2.0), (100, 1.2), (150, 1.0), (200, 1.1)]
    stretched = [(step, 10 * loss - 4) for step, loss in curve]
    assert plateau_step(curve, 0.05) == plateau_step(stretched, 0.05) == 150
    assert plateau_step(curve, 0.2) == 100


def test_the_plateau_precedes_the_rise_of_overfitting():
    assert plateau_step([(0, 2.0), (50, 1.0), (100, 1.5), (150, 3.0)], 0.05) == 50


def test_a_loss_that_never_falls_has_its_plateau_at_the_first_step():
    assert plateau_step([(0, 0.69), (50, 0.69), (100, 0.69)], 0.05) == 50
    assert plateau_step([(0, 0.69), (50, 1.8), (100, 1.9)], 0.05) == 50


def test_a_curve_of_a_single_point_is_refused():
    with pytest.raises(ValueError, match="step 0 and at one later step"):
        plateau_step([(0, 1.0)], 0.05)


def test_the_curve_of_a_log_holds_its_eval_rows():
    log = [{"step": "0", "split": "eval", "loss": "2.5"}, {"step": "10", "split": "train", "loss": "2.0"}]
    assert eval_curve(log) == [(0, 2.5)]


def test_every_row_of_the_log_has_its_step_and_epoch():
    """The trainer writes `epoch` of an evaluation without the prefix `eval_`."""
    history = [
        {"eval_loss": 0.7, "eval_rewards/margins": 0.0, "epoch": 0, "step": 0, "num_input_tokens_seen": 0},
        {"loss": 0.6, "rewards/margins": 0.1, "epoch": 0.5, "step": 10, "num_input_tokens_seen": 90},
        {"eval_loss": 0.5, "eval_rewards/margins": 0.2, "epoch": 0.5, "step": 10, "num_input_tokens_seen": 90},
        {"train_runtime": 1.0, "epoch": 0.5, "step": 10},
    ]
    rows = log_rows(history)
    assert [(row["step"], row["epoch"], row["split"], row["loss"]) for row in rows] == [
        *((0, 0, "eval", 0.7), (10, 0.5, "eval", 0.5), (10, 0.5, "train", 0.6)),
    ]
    assert [row["num_tokens"] for row in rows] == [0, 90, 90]
