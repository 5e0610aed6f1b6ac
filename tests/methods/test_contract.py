"""What every registered method must do, whatever it is."""

import dataclasses

import numpy as np
import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EpochFinished
from labelaudit.core.recipe import from_dict
from labelaudit.functional.metrics import auroc
from labelaudit.methods.registry import METHODS, require_method
from tests.methods.jobs import blobs, image_job, vector_job

SHORT = {"stage1_epochs": 6, "stage2_epochs": 4, "peak_lr": 0.01}


def short_options(method):
    known = {field.name for field in dataclasses.fields(method.Options)}
    return from_dict(method.Options, {k: v for k, v in SHORT.items() if k in known}, prefix="method.")


def run(name, job):
    method = require_method(name)
    return method.run(job, short_options(method))


@pytest.mark.parametrize("name", METHODS)
def test_planted_errors_rank_above_right_labels(name):
    values, given, true = blobs(600, 4, rate=0.15)
    verdicts = run(name, vector_job(values, given, 4))
    assert auroc(verdicts.losses, given != true) > 0.95


@pytest.mark.parametrize("name", METHODS)
def test_images_work_like_vectors(name):
    job, wrong = image_job(240, 3)
    verdicts = run(name, job)
    assert auroc(verdicts.losses, wrong) > 0.85


@pytest.mark.parametrize("name", METHODS)
def test_probabilities_are_probabilities_and_sorted(name):
    values, given, _ = blobs(200, 6, rate=0.1)
    verdicts = run(name, vector_job(values, given, 6))
    assert verdicts.top_labels.shape == (200, 5)
    assert (np.diff(verdicts.top_probs, axis=1) <= 0).all()
    assert (verdicts.top_probs.sum(axis=1) <= 1 + 1e-5).all()
    assert np.allclose(verdicts.losses, -np.log(verdicts.given_probs), atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_bits(name):
    values, given, _ = blobs(150, 3, rate=0.1)
    first, second = (run(name, vector_job(values, given, 3)).arrays() for _ in range(2))
    assert all(np.array_equal(first[key], second[key]) for key in first)
    other = run(name, vector_job(values, given, 3, seed=1)).arrays()
    assert not np.array_equal(first["losses"], other["losses"])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("stop_after", [2, 8])
def test_a_stopped_run_goes_on_to_the_same_bits(name, stop_after, tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)
    values, given, _ = blobs(150, 3, rate=0.1)
    whole = run(name, vector_job(values, given, 3)).arrays()
    epochs = 0

    def stop(event):
        nonlocal epochs
        epochs += isinstance(event, EpochFinished)
        if epochs == stop_after + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(name, vector_job(values, given, 3, checkpoints=tmp_path, on_event=stop))
    trained = []
    resumed = run(
        name,
        vector_job(
            values,
            given,
            3,
            checkpoints=tmp_path,
            on_event=lambda event: trained.append(event) if isinstance(event, EpochFinished) else None,
        ),
    ).arrays()
    assert all(np.array_equal(whole[key], resumed[key]) for key in whole)
    assert len(trained) == 10 - stop_after


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("n", "n_classes"), [(65, 2), (300, 100), (33, 3)])
def test_two_and_a_hundred_classes_and_a_last_batch_of_one(name, n, n_classes):
    values, given, _ = blobs(n, n_classes, rate=0.05)
    verdicts = run(name, vector_job(values, given, n_classes))
    assert verdicts.top_labels.shape == (n, min(5, n_classes))


@pytest.mark.parametrize("name", METHODS)
def test_a_class_without_samples_is_never_a_problem(name):
    values, given, _ = blobs(120, 3, rate=0.1)
    verdicts = run(name, vector_job(values, np.where(given == 2, 3, given), 4))
    assert len(verdicts.losses) == 120


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is_and_how_long_it_takes(name):
    method = require_method(name)
    assert 10 < len(method.SUMMARY) < 120
    assert method.training_passes(short_options(method)) >= 1


def test_an_unknown_method_names_the_closest():
    with pytest.raises(ConfigError, match=r"method 'drp' is not known.\nDid you mean 'drpl'\?"):
        require_method("drp")
