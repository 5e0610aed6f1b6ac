"""The method of docs/contributing.md works as it stands on the page."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.functional.metrics import auroc
from labelaudit.methods.registry import METHODS, read_options, require_method
from labelaudit.scanning.recipes import Facts
from labelaudit.training.job import Classifier
from tests.methods.jobs import blobs, vector_job
from tests.recipes import choose_recipe

PAGE = Path(__file__).parents[2] / "docs" / "contributing.md"


@pytest.fixture
def smooth(tmp_path, monkeypatch):
    """The module on the page, under its line in the table."""
    code = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    (tmp_path / "smooth_of_the_page.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(METHODS, "smooth", "smooth_of_the_page")
    yield require_method("smooth")
    sys.modules.pop("smooth_of_the_page", None)


def test_it_finds_planted_errors_and_shows_its_network(smooth):
    values, given, true = blobs(400, 4, rate=0.15)
    shown: list[Classifier] = []
    job = dataclasses.replace(vector_job(values, given, 4), on_classifier=shown.append)
    evidence = smooth.run(job, smooth.Options(epochs=8, peak_lr=0.01))
    assert auroc(evidence.losses, given != true) > 0.98
    assert [classifier.epoch for classifier in shown] == list(range(1, 9))


def test_it_goes_on_after_its_last_checkpoint(smooth, tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)
    values, given, _ = blobs(120, 3, rate=0.1)
    options = smooth.Options(epochs=5, peak_lr=0.01)
    whole = smooth.run(vector_job(values, given, 3), options).losses

    def stop(classifier):
        if classifier.epoch == 4:
            raise KeyboardInterrupt

    job = vector_job(values, given, 3, checkpoints=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        smooth.run(dataclasses.replace(job, on_classifier=stop), options)
    shown: list[Classifier] = []
    resumed = smooth.run(dataclasses.replace(job, on_classifier=shown.append), options).losses
    assert np.array_equal(whole, resumed)
    assert [classifier.epoch for classifier in shown] == [4, 5]


@pytest.mark.usefixtures("smooth")
def test_the_recipes_know_its_settings():
    recipe, why = choose_recipe(Facts("images", 10_000, 10, 32), method="smooth", epochs_scale=0.5)
    assert "smooth, 24 epochs" in why
    options = read_options(recipe)
    assert (options.epochs, options.smoothing) == (24, 0.1)


def test_its_ranges_are_checked_by_name(smooth):
    with pytest.raises(ConfigError, match=r"method.smoothing = 1.0: expected 0 to 1, below 1"):
        smooth.Options(smoothing=1.0)
