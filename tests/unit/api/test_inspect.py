"""What is told of a scan before it begins."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from labelaudit.api.inspect import inspect


@pytest.fixture
def flowers(tmp_path):
    path = tmp_path / "flowers.csv"
    rows = [f"{n / 10},{'rose' if n % 2 else 'tulip'}" for n in range(40)]
    path.write_text("length,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_time_is_that_of_the_settings_that_a_scan_would_choose(monkeypatch, flowers):
    """On a busy machine fewer threads are many times as fast, and a scan would take them."""
    asked = []

    def one_thread(prepared, rates, *, compiles):
        assert (rates, compiles) == (None, False)  # nobody waits a minute for a guess
        recipe = prepared.recipe
        return replace(prepared, recipe=replace(recipe, train=replace(recipe.train, threads=1)), why="one thread")

    def seconds(prepared):
        asked.append((prepared.recipe.train.threads, torch.get_num_threads()))
        return 7.0

    monkeypatch.setattr("labelaudit.scanning.prepare.tuned_here", one_thread)
    monkeypatch.setattr("labelaudit.scanning.inspection.estimated_seconds", seconds)
    before = torch.get_num_threads()
    found = inspect(flowers, device="cpu")
    assert found.seconds == 7.0
    assert found.prepared.why == "one thread"
    assert asked == [(1, 1)]
    assert torch.get_num_threads() == before


def test_nothing_is_tried_where_no_time_is_asked_for(monkeypatch, flowers):
    monkeypatch.setattr("labelaudit.scanning.prepare.tuned_here", pytest.fail)
    assert inspect(flowers, device="cpu", estimate=False).seconds is None


def test_images_that_are_not_read_as_they_are_stored_are_counted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for n in range(6):
        path = tmp_path / ("cat", "dog")[n % 2] / f"{n}"
        path.parent.mkdir(exist_ok=True)
        image = Image.fromarray(np.random.default_rng(n).integers(0, 256, (8, 12, 3), dtype=np.uint8))
        if n < 2:
            image.save(f"{path}.jpg", exif=exif)
        elif n == 2:
            image.save(f"{path}.tif", save_all=True, append_images=[image])
        else:
            image.save(f"{path}.png")
    said = [remark["text"] for remark in inspect(tmp_path, device="cpu", estimate=False).to_dict()["remarks"]]
    assert "Images that are turned upright as their EXIF data says: 2 of 6." in said
    assert "Images of several pages or frames, the first is read: 1 of 6." in said
