"""What is told of a scan before it begins."""

from dataclasses import replace

import pytest
import torch

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

    def one_thread(prepared, rates=None):
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
