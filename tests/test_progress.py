"""Progress in a log: lines that a person can follow and a program can read."""

import re
import types

import pytest

from clinical_dpo.progress import Progress
from clinical_dpo.training.callbacks import TrainingProgress

LINE = re.compile(r"(\w+) (\d+) of (\d+) \((\d+)%\): (?:(.+), )?([\d.e+-]+) s/\1, ((?:\d+ days?, )?\d+:\d\d:\d\d) left")


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def parsed(text):
    """unit, done, total, percent, notes, pace, time left of every line."""
    return [LINE.fullmatch(line).groups() for line in text.splitlines()]


def seconds(left):
    """Of a time left below a day."""
    hours, minutes, rest = map(int, left.split(":"))
    return 3600 * hours + 60 * minutes + rest


def test_lines_parse_and_the_time_left_falls(capsys):
    clock = Clock()
    progress = Progress("step", 500, clock=clock)
    for done in range(10, 501, 10):
        clock.now += 13.2
        progress.tell(done, "loss 0.5836", "reward accuracy 0.62")
    lines = parsed(capsys.readouterr().out)
    assert lines[3] == ("step", "40", "500", "8", "loss 0.5836, reward accuracy 0.62", "1.32", "0:10:07")
    left = [seconds(line[6]) for line in lines]
    assert left == sorted(left, reverse=True) and left[-1] == 0 and len(set(left)) == 50


def test_what_an_earlier_attempt_did_counts_but_not_for_the_pace(capsys):
    clock = Clock()
    progress = Progress("step", 100, 60, clock=clock)
    clock.now += 20
    progress.tell(70)
    assert parsed(capsys.readouterr().out) == [("step", "70", "100", "70", None, "2", "0:01:00")]


def test_short_work_writes_a_line_now_and_then_and_always_the_last(capsys):
    clock = Clock()
    progress = Progress("answer", 7, every=10, clock=clock)
    for done in range(1, 8):
        clock.now += 4
        progress.advance(done)
    assert [line[1] for line in parsed(capsys.readouterr().out)] == ["3", "6", "7"]


def test_more_than_a_day_is_told_in_days(capsys):
    clock = Clock()
    progress = Progress("step", 3, clock=clock)
    clock.now += 86400
    progress.tell(1)
    assert parsed(capsys.readouterr().out)[0][6] == "2 days, 0:00:00"


@pytest.mark.parametrize("before", [0, 6])
def test_a_trainers_log_becomes_lines(capsys, before):
    state = types.SimpleNamespace(global_step=before, max_steps=8)
    follower = TrainingProgress()
    follower.on_train_begin(None, state, None)
    follower.on_log(None, state, None, {"eval_loss": 0.69314, "eval_rewards/accuracies": 0.0, "epoch": 0})
    follower.on_step_begin(None, state, None)
    state.global_step += 1
    logs = {"loss": 0.5, "grad_norm": 1.0, "rewards/accuracies": 0.75, "rewards/margins": 0.1234567}
    follower.on_log(None, state, None, logs)
    follower.on_log(None, state, None, {"train_loss": 0.4, "train_runtime": 3})
    told = capsys.readouterr().out.splitlines()
    assert told[:-2] == ([f"Resumed after step {before} of 8."] if before else [])
    assert told[-2] == f"eval at step {before}: loss 0.6931, reward accuracy 0"
    found = parsed(told[-1])[0]
    assert found[:3] == ("step", str(before + 1), "8")
    assert found[4] == "loss 0.5, reward accuracy 0.75, reward margin 0.1235"
