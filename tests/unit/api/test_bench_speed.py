"""`labelaudit bench speed`: a row per comparison, both sides in one run."""

import pytest

from labelaudit.api import bench_speed


@pytest.mark.slow
def test_every_comparison_is_a_row_with_both_sides_and_their_ratio(monkeypatch):
    for name, value in {
        "_ROUNDS": 1,
        "_ROUND_SECONDS": 0.2,
        "_IMAGES": 512,
        "_LOSSES": 20_000,
        "_JPEGS": 60,
        "_BACKBONES": ["small"],
    }.items():
        monkeypatch.setattr(bench_speed, name, value)
    found = bench_speed.bench_speed(device="cpu")
    rows = {row["name"]: row for row in found["rows"]}
    assert found["schema"] == 1
    assert "train small at 32 pixels" in rows
    for row in rows.values():
        if row["theirs"] is None:
            assert row["ratio"] is None
        else:
            assert row["ours"] > 0
            assert row["ratio"] > 0
    assert rows["the same again"]["ratio"] > 1  # seconds: less is better
    share = rows["small: share of the time in convolutions"]["ours"]
    assert 0.3 < share < 1
