"""The jobs that a run has done, and the estimate of the time left."""

import pytest

from clinical_dpo.terminal.progress import RunProgress


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_no_time_is_estimated_before_a_job_has_ended(clock):
    progress = RunProgress(["train", "train", "plot"], clock)
    progress.start(1, "train", "")
    clock.now += 60
    assert progress.seconds_left() is None and (progress.done, progress.total) == (0, 3)
    assert [(job.rule, seconds) for job, seconds in progress.running()] == [("train", 60)]


def test_a_job_is_expected_to_take_the_mean_of_its_rule(clock):
    progress = RunProgress([*["train"] * 3, *["plot"] * 11], clock)
    for job, rule, seconds in ((1, "train", 100), (2, "plot", 2), (3, "train", 200)):
        progress.start(job, rule, "")
        clock.now += seconds
        progress.finish(job)
    assert progress.seconds_left() == pytest.approx(150 + 10 * 2)
    progress.start(4, "train", "")
    clock.now += 50
    assert progress.seconds_left() == pytest.approx(100 + 10 * 2)
    clock.now += 500  # longer than the mean
    assert progress.seconds_left() == pytest.approx(10 * 2)


def test_a_rule_without_an_ended_job_is_expected_to_take_the_mean_of_all_jobs(clock):
    progress = RunProgress(["train", "plot", "plot"], clock)
    for job, seconds in ((1, 2), (2, 4)):
        progress.start(job, "plot", "")
        clock.now += seconds
        progress.finish(job)
    assert progress.seconds_left() == pytest.approx(3)


def test_jobs_side_by_side_share_the_time(clock):
    progress = RunProgress(["train"] * 8, clock)
    for job in range(4):
        progress.start(job, "train", "")
    clock.now += 30
    for job in range(4):
        progress.finish(job)
    assert progress.seconds_left() == pytest.approx(30)


def test_a_run_whose_jobs_have_ended_has_no_time_left(clock):
    progress = RunProgress(["plot"], clock)
    progress.start(1, "plot", "")
    clock.now += 1
    progress.finish(1)
    assert progress.seconds_left() == 0 and progress.running() == []


def test_a_failed_job_that_starts_again_no_longer_counts_as_failed(clock):
    progress = RunProgress(["train", "train"], clock)
    progress.start(1, "train", "task=uti")
    progress.start(2, "train", "task=medqa")
    progress.fail(1)
    progress.fail(2)
    assert (progress.failed, progress.done, progress.running()) == (2, 0, [])
    progress.start(2, "train", "task=medqa")
    assert progress.failed == 1
    progress.finish(2)
    assert (progress.failed, progress.done) == (1, 1)
