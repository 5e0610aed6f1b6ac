import pytest

from labelaudit.bench.gate import check_cost


def test_a_check_of_ten_thousand_findings_is_quick_small_and_without_torch():
    cost = check_cost(10_000, on_disk=True, repeats=1)
    assert not cost["torch"]
    assert cost["cpu_s"] < 1.4  # 0.5 on a quiet machine; a busy one may take twice
    assert cost["peak_mib"] < 300


@pytest.mark.slow
def test_a_check_of_a_million_findings_stays_below_three_seconds_and_a_gibibyte():
    cost = check_cost(1_000_000, repeats=1)
    assert cost["cpu_s"] < 5  # 2.1 on a quiet machine
    assert cost["peak_mib"] < 1024
