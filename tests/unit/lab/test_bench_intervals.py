"""`labelaudit bench intervals`: how often the interval holds the truth."""

from typing import Any

import pandas as pd
import pytest

from labelaudit.lab.bench_intervals import bench_intervals, figures_of


def scan(wrong: float, rate: float, low: float | None, high: float | None, flagged: float = 0.0) -> dict[str, Any]:
    return {"wrong": wrong, "noise_rate": rate, "low": low, "high": high, "flagged": flagged, "seconds": 2.0}


def test_coverage_and_errors_are_counted_over_the_scans():
    scans = [scan(0.0, 0.01, 0.0, 0.02, 0.004), scan(0.2, 0.25, 0.21, 0.3), scan(0.4, 0.4, 0.35, 0.5)]
    assert figures_of(scans) == {
        "scans": 3,
        "covered": pytest.approx(2 / 3),
        "overclaims": pytest.approx(1 / 3),
        "median_error": pytest.approx(0.01),
        "median_width": pytest.approx(0.09),
        "clean_flagged": 0.004,
        "seconds": 6.0,
    }


def test_a_scan_without_an_interval_covers_nothing():
    found = figures_of([scan(0.2, 0.2, None, None)])
    assert found["covered"] == 0
    assert found["median_width"] is None
    assert found["clean_flagged"] is None


@pytest.mark.slow
def test_scans_that_are_in_the_file_are_not_run_again(tmp_path):
    said: list[Any] = []
    file = tmp_path / "intervals.parquet"
    found = bench_intervals(data=["iris"], rates=[0.0, 0.2], results=file, on_event=said.append)
    assert [row["wrong"] for row in found["scans"]] == [0.0, pytest.approx(0.2)]
    assert found["scans"][1]["noise_rate"] == pytest.approx(0.2, abs=0.1)
    assert found["rows"][0]["data"] == "iris"
    assert found["counted"].startswith("The 90 % interval holds the actual rate in ")
    assert len(said) == 2
    assert len(pd.read_parquet(file)) == 2
    again = bench_intervals(data=["iris"], rates=[0.0, 0.2, 0.4], results=file, on_event=said.append)
    assert len(said) == 3
    assert again["scans"][0]["noise_rate"] == found["scans"][0]["noise_rate"]
