"""Reading the time left off a scan's lines."""

import pytest

from labelaudit.core.wording import duration
from labelaudit.lab.told_time import Told, said_left, worst_error


@pytest.mark.parametrize("seconds", [0.4, 9.9, 12, 59, 60, 185, 3599, 3600, 7800])
def test_every_duration_that_is_shown_is_read_back(seconds):
    assert said_left(f"  epoch 3/24, 4,512 samples/s, {duration(seconds)} left\n") == pytest.approx(seconds)


@pytest.mark.parametrize("line", ["Stage 1 of 2: 12 s", "note: nothing left", "", "the samples left"])
def test_other_lines_tell_no_time(line):
    assert said_left(line) is None


def test_the_worst_error_is_of_what_was_told_late_enough_and_not_in_the_last_seconds():
    told = [Told(10, 999), Told(130, 80), Told(150, 40), Told(195, 60)]
    assert worst_error(told, 200.0) == pytest.approx(0.2)  # 40 where 50 came; 80 where 70 came is less
    assert worst_error(told[:1], 200.0) is None
