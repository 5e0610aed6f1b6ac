"""What a check costs; its seconds are measured by `python -m labelaudit.lab.gate_speed`, not by a test."""

import pytest

from labelaudit.lab.gate_speed import check_cost


def test_a_check_of_ten_thousand_findings_is_small_and_without_torch():
    cost = check_cost(10_000, on_disk=True, repeats=1)
    assert not cost["torch"]
    assert cost["cpu_s"] > 0
    assert cost["peak_mib"] < 300


@pytest.mark.slow
def test_a_check_of_a_million_findings_stays_below_a_gibibyte():
    assert check_cost(1_000_000, repeats=1)["peak_mib"] < 1024
