"""The time left, by a clock that the test turns."""

import pytest

from labelaudit.core.events import SamplesDone, StageFinished, StageResumed, StageStarted, WorkPlanned
from labelaudit.core.time_left import TimeLeft


class Clock:
    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def left(clock):
    return TimeLeft(clock)


def take(left, *events):
    for event in events:
        left.take(event)


def test_nothing_is_told_before_the_first_samples_are_done(clock, left):
    take(left, WorkPlanned((("stage1", 100),)), StageStarted("stage1", "Learn", 100))
    clock.seconds += 5
    assert left.left() is None
    assert left.rate() is None


def test_steady_work_is_told_exactly_over_all_stages(clock, left):
    take(left, WorkPlanned((("stage1", 100), ("stage2", 300))), StageStarted("stage1", "Learn", 100))
    clock.seconds += 10
    take(left, SamplesDone("stage1", 50))
    assert left.rate() == pytest.approx(5.0)
    assert left.left() == pytest.approx(350 / 5)
    clock.seconds += 10
    take(left, StageFinished("stage1", 20.0), StageStarted("stage2", "Again", 300))
    clock.seconds += 20
    take(left, SamplesDone("stage2", 100))
    assert left.left() == pytest.approx(200 / 5)


def test_what_an_earlier_run_did_says_nothing_about_the_speed_of_this_one(clock, left):
    take(left, WorkPlanned((("stage1", 1000),)), StageStarted("stage1", "Learn", 1000), StageResumed("stage1", 900))
    clock.seconds += 10
    take(left, SamplesDone("stage1", 950))
    assert left.rate() == pytest.approx(5.0)
    assert left.left() == pytest.approx(50 / 5)


def test_reading_the_images_is_not_taken_for_training(clock, left):
    take(left, WorkPlanned((("stage1", 100),)), StageStarted("decode", "Read the images", 100))
    clock.seconds += 10
    take(left, SamplesDone("decode", 50))
    assert left.left() is None
