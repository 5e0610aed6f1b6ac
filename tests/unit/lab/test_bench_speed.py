"""`labelaudit bench speed`: a row per comparison, both sides in one run."""

import pytest

from labelaudit.lab import bench_speed


def test_the_best_round_of_each_side_counts():
    assert bench_speed.best_of([(4_700.0, 393.0), (4_500.0, 1_640.0), (4_600.0, 393.0)]) == (4_700.0, 1_640.0)


@pytest.mark.slow
def test_every_comparison_is_a_row_with_both_sides_and_their_ratio(monkeypatch):
    for name, value in {
        "_ROUNDS": 1,
        "_ROUND_SECONDS": 0.2,
        "_BUSY_SECONDS": 0.2,
        "_IMAGES": 512,
        "_LOSSES": 20_000,
        "_JPEGS": 60,
        "_BACKBONES": ["small"],
    }.items():
        monkeypatch.setattr(bench_speed, name, value)
    found = bench_speed.bench_speed(device="cpu")
    rows = {row["name"]: row for row in found["rows"]}
    assert found["schema"] == 2
    assert found["counted"] == "Training and decoding: the best of 1 round of each side, which take turns."
    assert "train small at 32 pixels" in rows
    assert "the same beside one busy program per core, against the quiet machine" in rows
    for row in rows.values():
        if row["theirs"] is None:
            assert row["ratio"] is None
        else:
            assert row["ours"] > 0
            assert row["ratio"] > 0
    assert rows["the same again"]["ratio"] > 1  # seconds: less is better
    share = rows["small: share of the time in convolutions"]["ours"]
    assert 0.3 < share < 1
