"""Lines of progress in a log, which a program can parse."""

import re
import types

import pytest

from clinical_dpo.progress import Progress
from clinical_dpo.training.callbacks import TrainingProgress

LINE = re.compile(r"(\w+) (\d+) of (\d+) \((\d+)%\): (?:(.+), )?([\d.e+-]+) s/\1, ((?:\d+ days?, )?\d+:\d\d:\d\d) left")


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def parsed(text):
    """(unit, done, total, percent, notes, pace, time left) of every line."""
    return [LINE.fullmatch(line).groups() for line in text.splitlines()]


def seconds(left):
    """Seconds of a time below a day."""
    hours, minutes, rest = map(int, left.split(":"))
    return 3600 * hours + 60 * minutes + rest


def test_lines_can_be_parsed_and_the_time_left_falls(capsys):
    clock = Clock()
    progress = Progress("step", 500, clock=clock)
    for done in range(10, 501, 10):
        clock.now += 13.2
        progress.write_line(done, "loss 0.5836", "reward accuracy 0.62")
    lines = parsed(capsys.readouterr().out)
    assert lines[3] == ("step", "40", "500", "8", "loss 0.5836, reward accuracy 0.62", "1.32", "0:10:07")
    left = [seconds(line[6]) for line in lines]
    assert left == sorted(left, reverse=True) and left[-1] == 0 and len(set(left)) == 50


def test_units_of_an_earlier_attempt_count_but_not_for_the_pace(capsys):
    clock = Clock()
    progress = Progress("step", 100, 60, clock=clock)
    clock.now += 20
    progress.write_line(70)
    assert parsed(capsys.readouterr().out) == [("step", "70", "100", "70", None, "2", "0:01:00")]


def test_advance_writes_a_line_per_interval_and_always_the_last(capsys):
    clock = Clock()
    progress = Progress("answer", 7, every=10, clock=clock)
    for done in range(1, 8):
        clock.now += 4
        progress.advance(done)
    assert [line[1] for line in parsed(capsys.readouterr().out)] == ["3", "6", "7"]


def test_a_time_of_more_than_a_day_is_written_in_days(capsys):
    clock = Clock()
    progress = Progress("step", 3, clock=clock)
    clock.now += 86400
    progress.write_line(1)
    assert parsed(capsys.readouterr().out)[0][6] == "2 days, 0:00:00"


def test_slow_steps_have_lines_between_the_rows_of_the_trainers_log(capsys):
    clock = Clock()
    state, follower = types.SimpleNamespace(global_step=0, max_steps=4), TrainingProgress()
    follower.progress = Progress("step", 4, clock=clock)
    for seconds, logged in ((15, False), (2, False), (15, True), (2, True)):
        state.global_step += 1
        clock.now += seconds
        follower.on_step_end(None, state, types.SimpleNamespace(should_log=logged))
        if logged:
            follower.on_log(None, state, None, {"loss": 0.5})
    steps = [(line[1], line[4]) for line in parsed(capsys.readouterr().out)]
    assert steps == [("1", None), ("3", "loss 0.5"), ("4", "loss 0.5")]


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
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-2] == ([f"Resumed after step {before} of 8."] if before else [])
    assert lines[-2] == f"eval at step {before}: loss 0.6931, reward accuracy 0"
    unit, done, total, _, notes, *_ = parsed(lines[-1])[0]
    assert (unit, done, total) == ("step", str(before + 1), "8")
    assert notes == "loss 0.5, reward accuracy 0.75, reward margin 0.1235"
