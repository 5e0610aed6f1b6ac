"""Learning rates as functions of the step."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelaudit.functional.schedules import cosine_restarts, milestones, one_cycle, sigmoid_ramp


@pytest.mark.parametrize("total", [2, 7, 100, 1_000, 46_875])
def test_one_cycle_ends_at_exactly_zero(total):
    assert one_cycle(total - 1, total, peak=0.1) == 0.0


def test_one_cycle_reaches_its_peak_after_the_warm_share():
    rates = [one_cycle(step, 100, peak=0.3) for step in range(100)]
    assert max(rates) == pytest.approx(0.3)
    assert rates.index(max(rates)) == 19  # the 20th of 100 steps
    assert rates[0] == pytest.approx(0.3 / 20)


def test_one_cycle_climbs_and_falls_in_straight_lines():
    rates = [one_cycle(step, 50, peak=1.0, warm_share=0.4) for step in range(50)]
    assert rates[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    assert rates[20:] == pytest.approx([1 - (step + 1) / 30 for step in range(30)])


@settings(max_examples=50)
@given(total=st.integers(1, 200).map(lambda n: 10 * n), tenths=st.integers(1, 9), peak=st.floats(1e-4, 10))
def test_the_mean_rate_of_one_cycle_is_half_its_peak(total, tenths, peak):
    rates = [one_cycle(step, total, peak=peak, warm_share=tenths / 10) for step in range(total)]
    assert sum(rates) / total == pytest.approx(peak / 2)  # a triangle, whose corner falls on a step


@settings(max_examples=50)
@given(total=st.integers(1, 500), share=st.floats(0.01, 0.99))
def test_one_cycle_never_leaves_the_range_from_zero_to_its_peak(total, share):
    rates = [one_cycle(step, total, peak=0.1, warm_share=share) for step in range(total)]
    assert min(rates) >= 0
    assert max(rates) <= 0.1 * (1 + 1e-12)


def test_a_milestone_counts_from_its_own_epoch_on_and_epochs_begin_at_one():
    rates = [milestones(epoch, base=0.1, at=(3, 5)) for epoch in range(1, 7)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_a_milestone_at_the_first_epoch_lowers_the_rate_at_once():
    assert milestones(1, base=0.1, at=(1,)) == pytest.approx(0.01)


def test_without_milestones_the_rate_stays():
    assert {milestones(epoch, base=0.05, at=()) for epoch in range(1, 300)} == {0.05}


def test_the_factor_of_the_milestones_can_be_chosen_and_their_order_does_not_matter():
    assert milestones(10, base=0.8, at=(8, 2), factor=0.5) == pytest.approx(0.2)


def test_the_cycles_of_ieg_end_where_its_published_code_ends_them():
    def rate(step):
        return cosine_restarts(step, first=500, peak=0.1, growth=1.5, decay=0.9)

    starts = [step for step in range(1, 20_000) if rate(step) > rate(step - 1)]
    assert starts == [500, 1250, 2375, 4063, 6594, 10391, 16086]  # 4062.5 is the end of the fourth
    assert [rate(step) for step in (0, 250, 500)] == pytest.approx([0.1, 0.05, 0.09])
    assert rate(499) < 1e-6


def test_cycles_of_equal_length_fall_to_the_floor():
    rates = [cosine_restarts(epoch, first=10, peak=0.02, floor=0.001) for epoch in range(20)]
    assert rates[:10] == rates[10:]
    assert rates[0] == pytest.approx(0.02)
    assert rates[5] == pytest.approx((0.02 + 0.001) / 2)


def test_the_ramp_of_elr_plus_climbs_by_its_closed_form_and_stays():
    found = [sigmoid_ramp(step, 40_000) for step in (0, 10_000, 20_000, 40_000, 80_000)]
    assert found == pytest.approx([math.exp(-5), math.exp(-5 * 0.75**2), math.exp(-1.25), 1.0, 1.0])
    assert sigmoid_ramp(0, 0) == 1.0
