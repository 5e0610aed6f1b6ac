"""What a panel plants, who judges whom, and what becomes of directed confusions."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from labelaudit.functional.metrics import auroc
from labelaudit.methods import elr, panel
from labelaudit.training.batches import Batch
from labelaudit.training.job import Classifier, Job
from tests.methods.jobs import blobs, vector_job

SHORT = panel.Options(networks=3, epochs=1, peak_lr=0.01, planted=0.1)


def taught_labels(job: Job, options: panel.Options) -> tuple[Any, list[np.ndarray]]:
    """Return the verdicts of a run, and (N,) the labels that each of its networks learnt from."""
    seen: dict[str, np.ndarray] = {}

    class Spy(Job):
        def train_epoch(self, stage, *args, **settings):
            seen[stage] = self.samples.labels.numpy().copy()
            Job.train_epoch(self, stage, *args, **settings)

    spy = Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)})
    return panel.run(spy, options), list(seen.values())


def flowing(n: int, rate: float, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, given and true labels of three clouds; a share of class 0 is labelled 1."""
    values, _, true = blobs(n, 3, rate=0.0, seed=seed, spread=2.0)
    flips = (true == 0) & (np.random.default_rng(seed).random(n) < rate)
    return values, np.where(flips, 1, true), true


def test_so_many_labels_as_asked_are_replaced_by_others_and_by_no_two_networks():
    values, given, _ = blobs(400, 4, rate=0.1)
    _, taught = taught_labels(vector_job(values, given, 4), SHORT)
    replaced = np.stack(taught) != given
    assert replaced.sum(axis=1).tolist() == [40, 40, 40]
    assert replaced.sum(axis=0).max() == 1


def test_every_sample_is_judged_by_a_network_that_was_taught_its_label():
    values, given, _ = blobs(100, 2, rate=0.1)
    evidence, taught = taught_labels(vector_job(values, given, 2), dataclasses.replace(SHORT, networks=2, planted=0.5))
    assert (np.stack(taught) != given).sum(axis=1).tolist() == [50, 50]
    assert evidence.judges is not None
    assert np.array_equal(evidence.judges.labels, np.stack(taught))
    assert (evidence.judges.labels == given).any(axis=0).all()


@pytest.mark.parametrize(
    ("n", "networks", "expected"), [(600, 2, 120), (3000, 2, 300), (20_000, 2, 400), (600, 10, 60), (30, 2, 6)]
)
def test_three_hundred_labels_are_replaced_but_no_fewer_than_two_and_no_more_than_twenty_per_cent(
    n, networks, expected
):
    values, given, _ = blobs(n, 3, rate=0.0)
    labels = panel.plant(vector_job(values, given, 3), panel.Options(networks=networks), [], [])
    assert int((labels != given).sum()) == expected


def test_trusted_labels_are_never_replaced():
    values, given, _ = blobs(200, 4, rate=0.1)
    trusted = np.arange(200) % 2 == 0
    job = dataclasses.replace(vector_job(values, given, 4), trusted=torch.from_numpy(trusted))
    _, taught = taught_labels(job, dataclasses.replace(SHORT, networks=2, planted=0.4))
    replaced = np.stack(taught) != given
    assert not replaced[:, trusted].any()
    assert replaced.sum(axis=1).tolist() == [50, 50]  # half of those that may be


def test_the_first_network_is_taught_every_other_class_alike():
    values, given, _ = blobs(20_000, 4, rate=0.0)
    labels = panel.plant(vector_job(values, given, 4), panel.Options(planted=0.3), [], [])
    planted = labels != given
    counts = np.zeros((4, 4))
    np.add.at(counts, (given[planted], labels[planted]), 1)
    assert counts[~np.eye(4, dtype=bool)] == pytest.approx(500, abs=100)


def test_later_networks_are_taught_what_earlier_ones_confused():
    values, given, _ = blobs(800, 4, rate=0.0)
    job = vector_job(values, given, 4)
    probs = np.eye(4, dtype=np.float32)[given]
    probs[given == 0] = (0.6, 0.4, 0.0, 0.0)  # what is called 0 looks like 1
    options = dataclasses.replace(SHORT, along=1.0)
    labels = panel.plant(job, options, [given], [probs])
    planted = labels != given
    assert planted.sum() == 80
    assert ((given[planted] == 1) & (labels[planted] == 0)).mean() > 0.9
    evenly = panel.plant(job, dataclasses.replace(options, along=0.0), [given], [probs])
    assert ((given == 1) & (evenly == 0)).sum() < 20


def test_scores_are_of_the_labels_that_were_taught():
    values, given, _ = blobs(300, 3, rate=0.1)
    shown: dict[str, Classifier] = {}
    job = vector_job(values, given, 3)
    job = dataclasses.replace(job, on_classifier=lambda found: shown.update({found.stage: found}))
    evidence, taught = taught_labels(job, dataclasses.replace(SHORT, epochs=4, record=0.0))
    assert evidence.stages["panel"]["transitions"] is None
    assert evidence.judges is not None
    rows = np.arange(300)
    kept_probs = np.zeros((300, 3))
    for labels, scores, found in zip(taught, evidence.judges.scores, shown.values(), strict=True):
        with torch.no_grad():
            probs = torch.softmax(found.models[0].eval()(torch.from_numpy(values)), dim=1).double().numpy()
        others = probs.copy()
        others[rows, labels] = -1.0
        expected = np.log(others.max(axis=1)) - np.log(np.maximum(probs[rows, labels], 1e-12))
        assert scores == pytest.approx(expected, abs=1e-3)
        kept_probs += probs * (labels == given)[:, None]
    kept_probs /= kept_probs.sum(axis=1, keepdims=True)  # the mean of those that were taught the given label
    assert evidence.given_probs == pytest.approx(kept_probs[rows, given], abs=1e-4)


def test_the_evidence_is_the_mean_score_of_those_that_were_taught_the_given_label():
    values, given, _ = blobs(200, 3, rate=0.1)
    evidence, taught = taught_labels(vector_job(values, given, 3), SHORT)
    assert evidence.judges is not None
    kept = np.stack(taught) == given
    expected = [scores[asked].mean() for scores, asked in zip(evidence.judges.scores.T, kept.T, strict=True)]
    assert evidence.scores["evidence"] == pytest.approx(expected, abs=1e-4)


class Logits(nn.Module):
    """A network whose outputs are its parameters."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        del x
        return self.logits


def first_loss(method: Any, job: Job, options: Any) -> tuple[Any, Any]:
    """Return the first stage's state and loss, before anything is trained."""
    caught: list[Any] = []

    class Spy(Job):
        def train_epoch(self, stage, state, loss_fn, lr_at, **settings):
            del stage, lr_at, settings
            caught.extend([state, loss_fn])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method.run(Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)}), options)
    return caught[0], caught[1]


def test_a_network_is_held_back_as_by_elr():
    values, given, _ = blobs(40, 3, rate=0.1)
    job = vector_job(values, given, 3)
    held_back = panel.Options(networks=1, elr_weight=3.0, elr_momentum=0.7, planted=0.001)  # of 40: none
    state, loss = first_loss(panel, job, held_back)
    of_elr, loss_of_elr = first_loss(elr, job, elr.Options(target_weight=3.0, target_momentum=0.7))
    rows = torch.arange(40)
    batch = Batch(torch.zeros(40, 8), job.samples.labels, rows, rows)
    for seed in range(3):
        logits = torch.randn(40, 3, generator=torch.Generator().manual_seed(seed))
        models = Logits(logits.clone()), Logits(logits.clone())
        losses = loss(models[0], batch), loss_of_elr(models[1], batch)
        assert torch.equal(*losses)
        assert torch.equal(state.tables["targets"], of_elr.tables["targets"])
        for each in losses:
            each.sum().backward()
        assert models[0].logits.grad is not None
        assert models[1].logits.grad is not None
        assert torch.equal(models[0].logits.grad, models[1].logits.grad)


def test_what_flows_in_one_direction_is_found_undone_and_planted():
    values, given, true = flowing(900, 0.4)
    options = panel.Options(networks=2, epochs=12, peak_lr=0.01, planted=0.1)
    evidence, taught = taught_labels(vector_job(values, given, 3), options)
    transitions = np.array(evidence.stages["panel"]["transitions"])
    assert transitions.sum(axis=1) == pytest.approx(1.0, abs=1e-3)
    assert 0.15 < transitions[0, 1] < 0.45  # 0.4 is true; what a network has not learnt does not show
    assert transitions[~np.eye(3, dtype=bool)].sum() - transitions[0, 1] < 0.1
    assert auroc(evidence.scores["evidence"], given != true) > 0.97
    wrong = given != true
    assert (evidence.top_labels[wrong, 0] == 0).mean() > 0.7
    second = taught[1] != given
    assert ((given[second] == 0) & (taught[1][second] == 1)).mean() > 0.3  # a sixth, if none followed it


def test_what_is_confused_both_ways_or_not_at_all_is_not_undone():
    for rate in (0.0, 0.3):
        values, given, _ = blobs(900, 3, rate=rate, spread=2.0)
        found = panel.run(vector_job(values, given, 3), panel.Options(networks=2, epochs=6, peak_lr=0.01))
        assert found.stages["panel"] == {"transitions": None}
