"""How cost grows with the number of samples: closed forms, and small scans."""

from __future__ import annotations

import numpy as np
import pytest

from labelaudit.core.errors import TrainingError
from labelaudit.core.recipe import DataSettings
from labelaudit.lab import bench_growth as growth
from labelaudit.lab.bench_growth import bench_growth, growth_of
from labelaudit.lab.second_start import starts
from labelaudit.lab.startup import findings_seconds
from labelaudit.sources.read import read_dataset


def row(n, *, passes=1, power=1.0):
    seconds = 1e-4 * n**power * passes
    return {
        "samples": n,
        "seconds": 2 * seconds,
        "cpu_s": 4 * seconds,
        "training_s": seconds,
        "passes": passes,
        "peak_mib": 500 + n // 1000,
    }


@pytest.mark.parametrize("power", [1.0, 0.5, 2.0])
def test_powers_and_slopes_are_found_again(power):
    found = growth_of([row(n, power=power) for n in (1_000, 10_000, 100_000)])
    assert found["seconds"] == found["seconds_per_pass"] == found["cpu_seconds_per_pass"] == pytest.approx(power)
    assert found["mib_per_million"] == 1000


def test_more_passes_over_small_data_are_taken_out():
    found = growth_of([row(1_000, passes=60), row(10_000, passes=24), row(100_000, passes=24)])
    assert found["seconds"] < 0.9
    assert found["seconds_per_pass"] == pytest.approx(1.0)


def test_a_busy_machine_shows_in_the_seconds_and_not_in_the_processors():
    rows = [row(1_000), row(10_000)]
    rows[1] |= {"seconds": 3 * rows[1]["seconds"], "training_s": 3 * rows[1]["training_s"]}
    found = growth_of(rows)
    assert found["seconds_per_pass"] == pytest.approx(1 + np.log10(3), abs=1e-3)
    assert found["cpu_seconds_per_pass"] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", [growth.EMBEDDINGS, growth.IMAGES])
def test_one_made_up_label_in_ten_is_wrong(tmp_path, kind):
    kind.write(tmp_path, 200)
    embeddings = str(tmp_path / "e.npy") if kind is growth.EMBEDDINGS else None
    dataset = read_dataset(tmp_path / "labels.parquet", DataSettings(embeddings=embeddings))
    assert (len(dataset), dataset.n_classes, dataset.kind) == (200, 10, kind.name)
    assert (dataset.given != np.arange(200) % 10).sum() == 20


@pytest.mark.slow
def test_growth_reports_time_and_memory_and_draws_them(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the bench extra")
    found = bench_growth(sizes=(500, 1000), image_sizes=(100, 200), plot=tmp_path / "growth.svg")
    assert [(r["data"], r["samples"]) for r in found["rows"]] == [
        ("embeddings", 500),
        ("embeddings", 1000),
        ("images", 100),
        ("images", 200),
    ]
    assert all(r["peak_mib"] > 100 and r["seconds"] > r["training_s"] > 0 for r in found["rows"])
    assert all(r["cpu_s"] > 1 for r in found["rows"])
    assert [r["passes"] for r in found["rows"]] == [4] * 4
    assert set(found["growth"]) == {"embeddings", "images"}
    assert "<svg" in (tmp_path / "growth.svg").read_text()


@pytest.mark.slow
def test_a_second_scan_reaches_every_milestone_without_decoding(tmp_path):
    growth.IMAGES.write(tmp_path, 120)
    first, second = starts(tmp_path / "labels.parquet", options=["-o", "epochs=1"], scans=2)
    for scan in (first, second):
        assert scan.pop("cpu_s") > 0.5
        assert list(scan) == ["started", "prepared", "images found", "images read", "stage began", "first step"]
        assert list(scan.values()) == sorted(scan.values())


@pytest.mark.slow
def test_a_scan_that_cannot_train_says_why(tmp_path):
    with pytest.raises(TrainingError, match=r"none ended before it trained: .*none does not exist"):
        starts(tmp_path / "none", scans=1)


@pytest.mark.slow
def test_reading_findings_is_timed_in_a_process_of_its_own():
    found = findings_seconds(rows=50, repeats=1)
    assert found["rows"] == 50
    assert found["cpu_s"] > 0
    assert 0 < found["median_s"] == found["most_s"] < 60
    assert found["peak_mib"] > 30
