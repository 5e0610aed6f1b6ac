"""Training on a split: what stays, what is renewed, and what it is good for."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EpochFinished, Event
from labelaudit.functional.losses import soft_cross_entropy
from labelaudit.methods import split
from labelaudit.methods.split import Options, renewed, run, training_passes
from labelaudit.training.job import Targets
from tests.methods.jobs import blobs, vector_job

SHORT = Options(epochs=8, peak_lr=0.01)


def split_job(rate=0.4, n=300, **settings):
    """Return a job whose wrong labels are all on the other side of the split, with uniform targets there."""
    values, given, true = blobs(n, 3, rate=rate)
    job = vector_job(values, given, 3, **settings)
    right = torch.from_numpy(given == true)
    probs = torch.where(right[:, None], F.one_hot(torch.from_numpy(given), 3).float(), torch.full((n, 3), 1 / 3))
    return dataclasses.replace(job, targets=Targets(probs, right)), given, true


def test_what_is_fixed_stays_and_the_rest_becomes_the_predictions_or_uniform():
    targets, seen = torch.eye(4), torch.full((4, 4), 0.1) + 0.6 * torch.eye(4).roll(1, 1)
    fixed, reset = torch.tensor([True, True, False, False]), torch.tensor([False, True, False, True])
    found = renewed(targets, seen, fixed=fixed, reset=reset)
    assert torch.equal(found[:2], targets[:2])
    assert torch.equal(found[2], seen[2])
    assert found[3].tolist() == [0.25] * 4


def test_the_labels_of_the_other_side_are_found_again():
    job, given, true = split_job()
    found = run(job, dataclasses.replace(SHORT, epochs=20)).top_labels[:, 0]
    assert (found == true)[given != true].mean() > 0.9


def test_soft_labels_are_learnt_and_never_renewed():
    values, _, true = blobs(300, 3, rate=0.0)
    soft = torch.full((300, 3), 0.1)
    soft[torch.arange(300), torch.from_numpy(true)] = 0.8
    job = vector_job(values, np.zeros(300, dtype=np.int64), 3)  # given labels say nothing
    job = dataclasses.replace(job, targets=Targets(soft, torch.ones(300, dtype=torch.bool)))
    found = run(job, dataclasses.replace(SHORT, epochs=20, mixup=False))
    assert (found.top_labels[:, 0] == true).mean() > 0.98
    assert found.top_probs[:, 0].mean() == pytest.approx(0.8, abs=0.08)


def test_without_mixing_the_loss_is_the_soft_cross_entropy_with_its_two_terms(monkeypatch):
    job, _, _ = split_job(n=64)
    losses = []
    plain = dataclasses.replace(SHORT, epochs=1, mixup=False, prior_weight=0.8, entropy_weight=0.4)

    def looked_at(logits, targets):
        losses.append((logits.detach(), targets))
        return soft_cross_entropy(logits, targets)

    monkeypatch.setattr(split, "soft_cross_entropy", looked_at)
    monkeypatch.setattr(split, "prior_term", lambda logits: logits.sum() * 0 + 1000.0)
    monkeypatch.setattr(split, "entropy_term", lambda logits: logits.sum() * 0 + 1000.0)
    told: list[Event] = []
    run(dataclasses.replace(job, on_event=told.append), plain)
    (mean_loss,) = [event.mean_loss for event in told if isinstance(event, EpochFinished)]
    expected = torch.cat([soft_cross_entropy(*each) for each in losses]).mean()
    assert mean_loss == pytest.approx(float(expected) + 1200.0, rel=1e-5)


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)
    whole = run(split_job()[0], SHORT).arrays()
    seen = []

    def stop(shown):
        seen.append(shown.epoch)
        if len(seen) == 4:
            raise KeyboardInterrupt

    job, _, _ = split_job(checkpoints=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(dataclasses.replace(job, on_classifier=stop), SHORT)
    resumed = run(dataclasses.replace(job, on_classifier=lambda shown: seen.append(shown.epoch)), SHORT).arrays()
    assert seen == [1, 2, 3, 4, 4, 5, 6, 7, 8]
    assert all(np.array_equal(whole[key], resumed[key]) for key in whole)


def test_without_a_split_it_says_where_one_is_from():
    values, given, _ = blobs(60, 3, rate=0.1)
    with pytest.raises(ConfigError, match=r"method 'split' learns from what a scan found.*\nScan first"):
        run(vector_job(values, given, 3), SHORT)


def test_the_time_counts_the_forward_that_looks():
    assert training_passes(Options(epochs=30)) == pytest.approx(41)
