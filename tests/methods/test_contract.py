"""What every registered method must do, whatever it is."""

import dataclasses

import numpy as np
import pytest
import torch

from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EpochFinished
from labelaudit.core.recipe import from_dict
from labelaudit.functional.metrics import auroc
from labelaudit.methods.registry import METHODS, require_method
from labelaudit.scanning.recipes import epochs_for, with_epochs
from labelaudit.training.job import Classifier
from tests.methods.jobs import blobs, image_job, vector_job
from tests.recipes import LEARNERS

_STAGE_EPOCHS = 5  # of the default; the others get as many passes
_TRUSTED = 3  # samples per class, for methods that cannot do without
_CAN_TRAIN = [name for name in METHODS if getattr(require_method(name), "TRAINS_CLASSIFIER", True)]


def short_options(name):
    method = require_method(name)
    known = {field.name for field in dataclasses.fields(method.Options)}
    options = {"peak_lr": 0.01} if "peak_lr" in known else {}
    options |= with_epochs(name, epochs_for(name, options, _STAGE_EPOCHS))
    return from_dict(method.Options, options, prefix="method.")


def make_job(name, values, given, true, n_classes, **settings):
    return with_trusted(name, vector_job(values, given, n_classes, **settings), given == true)


def with_trusted(name, job, right):
    """Return the job, with the first right samples of every class trusted where the method needs them."""
    if not getattr(require_method(name), "NEEDS_TRUSTED", False):
        return job
    trusted = np.zeros(len(right), dtype=bool)
    given = job.samples.labels.numpy()
    for label in range(job.n_classes):
        trusted[np.flatnonzero(right & (given == label))[:_TRUSTED]] = True
    return dataclasses.replace(job, trusted=torch.from_numpy(trusted))


def run(name, job):
    return require_method(name).run(job, short_options(name))


@pytest.mark.parametrize("name", METHODS)
def test_planted_errors_rank_above_right_labels(name):
    values, given, true = blobs(600, 4, rate=0.15)
    evidence = run(name, make_job(name, values, given, true, 4))
    assert auroc(evidence.losses, given != true) > 0.95


@pytest.mark.parametrize("name", METHODS)
def test_images_work_like_vectors(name):
    job, wrong = image_job(240, 3)
    evidence = run(name, with_trusted(name, job, ~wrong))
    assert auroc(evidence.losses, wrong) > 0.85


@pytest.mark.parametrize("name", METHODS)
def test_probabilities_are_probabilities_and_sorted(name):
    values, given, true = blobs(200, 6, rate=0.1)
    evidence = run(name, make_job(name, values, given, true, 6))
    assert evidence.top_labels.shape == (200, 5)
    assert (np.diff(evidence.top_probs, axis=1) <= 0).all()
    assert (evidence.top_probs.sum(axis=1) <= 1 + 1e-5).all()
    assert np.allclose(evidence.losses, -np.log(np.maximum(evidence.given_probs, 1e-12)), atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_verdicts_come_in_the_order_of_the_samples(name):
    values, given, true = blobs(300, 3, rate=0.0)
    odd = np.array([7, 150, 299])  # whose labels are wrong, and nobody else's
    given[odd] = (true[odd] + 1) % 3
    forward = run(name, make_job(name, values, given, true, 3)).losses
    backward = run(name, make_job(name, values[::-1].copy(), given[::-1].copy(), true[::-1], 3)).losses
    assert set(np.argsort(-forward)[:3]) == set(odd.tolist())
    assert set(np.argsort(-backward)[:3]) == set((299 - odd).tolist())


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_bits(name):
    values, given, true = blobs(150, 3, rate=0.1)
    first, second = (run(name, make_job(name, values, given, true, 3)).arrays() for _ in range(2))
    assert all(np.array_equal(first[key], second[key]) for key in first)
    other = run(name, make_job(name, values, given, true, 3, seed=1)).arrays()
    assert not np.array_equal(first["losses"], other["losses"])


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("share", [0.2, 0.8])
def test_a_stopped_run_goes_on_to_the_same_bits(name, share, tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)
    values, given, true = blobs(150, 3, rate=0.1)
    trained = []

    def count(event):
        trained.extend([event] if isinstance(event, EpochFinished) else [])

    whole = run(name, make_job(name, values, given, true, 3, on_event=count)).arrays()
    epochs = len(trained)
    stop_after = min(round(share * epochs), epochs - 1)
    trained.clear()

    def stop(event):
        count(event)
        if len(trained) == stop_after + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(name, make_job(name, values, given, true, 3, checkpoints=tmp_path, on_event=stop))
    trained.clear()
    resumed = run(name, make_job(name, values, given, true, 3, checkpoints=tmp_path, on_event=count)).arrays()
    assert all(np.array_equal(whole[key], resumed[key]) for key in whole)
    assert len(trained) == epochs - stop_after


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("n", "n_classes"), [(65, 2), (300, 100), (33, 3)])
def test_two_and_a_hundred_classes_and_a_last_batch_of_one(name, n, n_classes):
    values, given, true = blobs(n, n_classes, rate=0.05)
    evidence = run(name, make_job(name, values, given, true, n_classes))
    assert evidence.top_labels.shape == (n, min(5, n_classes))


@pytest.mark.parametrize("name", METHODS)
def test_a_class_without_samples_is_never_a_problem(name):
    values, given, true = blobs(120, 3, rate=0.1)
    given, true = (np.where(labels == 2, 3, labels) for labels in (given, true))
    evidence = run(name, make_job(name, values, given, true, 4))
    assert len(evidence.losses) == 120


@pytest.mark.parametrize("name", _CAN_TRAIN)
def test_the_classifier_is_shown_after_the_last_epoch(name):
    values, given, true = blobs(300, 3, rate=0.1)
    shown: list[Classifier] = []
    run(name, dataclasses.replace(make_job(name, values, given, true, 3), on_classifier=shown.append))
    last = shown[-1]
    assert last.epoch == last.epochs
    assert [found.epoch for found in shown if found.stage == last.stage] == list(range(1, last.epochs + 1))
    with torch.no_grad():
        outputs = [torch.softmax(model.eval()(torch.from_numpy(values)), dim=1) for model in last.models]
    probs = torch.stack(outputs).mean(dim=0)
    assert (probs.argmax(dim=1).numpy() == true).mean() > 0.9


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is_and_how_long_it_takes(name):
    method = require_method(name)
    assert 10 < len(method.SUMMARY) < 120
    passes = method.training_passes(short_options(name))
    assert passes >= 1 if name in LEARNERS else 0 < passes < 1


def test_an_unknown_method_names_the_closest():
    with pytest.raises(ConfigError, match=r"method 'drp' is not known.\nDid you mean 'drpl'\?"):
        require_method("drp")
