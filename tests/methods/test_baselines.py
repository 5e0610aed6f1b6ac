"""What the small methods add to plain training: ce, gce, sce, mixup, forward."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labelaudit.core.errors import ConfigError
from labelaudit.functional.metrics import auroc
from labelaudit.methods import baselines, forward
from labelaudit.methods.baselines import ce, gce, mixup, sce
from labelaudit.training.batches import Batch
from tests.methods.jobs import blobs, vector_job


def nothing(*seen):
    """Record nothing."""
    del seen


class Answering(nn.Module):
    """A network that answers with these logits whatever it sees, and remembers that."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits
        self.seen = []

    def forward(self, inputs):
        self.seen.append(inputs)
        return self.logits


def test_ce_is_the_cross_entropy_of_the_given_labels_and_records_what_it_saw():
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
    batch = Batch(torch.zeros(2, 3), torch.tensor([0, 2]), torch.tensor([5, 1]), torch.tensor([5, 1]))
    seen = []
    losses = baselines._loss(ce.Options(), lambda *recorded: seen.append(recorded))(Answering(logits), batch)
    assert losses.tolist() == pytest.approx((-torch.log_softmax(logits, dim=1)[[0, 1], [0, 2]]).tolist())
    assert seen == [(batch, logits)]


@pytest.mark.parametrize(("q", "least"), [(1e-3, 0.0), (0.7, 0.97)])
def test_gce_learns_less_of_wrong_labels_than_cross_entropy_when_trained_long(q, least):
    values, given, true = blobs(300, 4, rate=0.2)
    options = gce.Options(epochs=60, peak_lr=0.02, record=0.0, q=q)
    found = auroc(gce.run(vector_job(values, given, 4), options).losses, given != true)
    plain = auroc(
        ce.run(vector_job(values, given, 4), ce.Options(epochs=60, peak_lr=0.02, record=0.0)).losses, given != true
    )
    assert found >= least
    assert (found > plain + 0.01) == (q == 0.7)


def test_mixup_draws_other_partners_every_epoch_and_the_same_ones_again_after_a_stop():
    values, given, _ = blobs(40, 3, rate=0.0)
    job = vector_job(values, given, 3)
    batch = next(iter(job.samples.shuffled("mixup", 1)))

    def mixed(epoch):
        network = Answering(torch.zeros(len(batch.index), 3))
        baselines._mixed_loss(job, mixup.Options(alpha=1.0), epoch)(network, batch)
        return network.seen[0]

    assert torch.equal(mixed(3), mixed(3))
    assert not torch.equal(mixed(3), mixed(4))
    assert not torch.equal(mixed(3), batch.inputs)


def test_mixup_mixes_labels_with_the_weight_of_the_inputs():
    given = blobs(40, 3, rate=0.0)[1]
    job = vector_job(np.eye(3, dtype=np.float32)[given], given, 3)  # inputs are the one-hot labels
    batch = next(iter(job.samples.shuffled("mixup", 1)))
    logits = torch.randn(len(batch.index), 3, generator=torch.Generator().manual_seed(0))
    network = Answering(logits)
    losses = baselines._mixed_loss(job, mixup.Options(), 0)(network, batch)
    assert torch.allclose(losses, -(network.seen[0] * torch.log_softmax(logits, dim=1)).sum(dim=1), atol=1e-6)


def test_forward_estimates_which_labels_turn_into_which():
    rng = np.random.default_rng(0)
    values, _, true = blobs(1500, 3, rate=0.0)
    given = np.where((true == 0) & (rng.random(1500) < 0.3), 1, true)
    options = forward.Options(stage1_epochs=6, stage2_epochs=6, peak_lr=0.01)
    evidence = forward.run(vector_job(values, given, 3), options)
    estimated = np.array(evidence.stages["stage1"]["transition_matrix"])
    assert estimated == pytest.approx(np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), abs=0.08)
    assert auroc(evidence.losses, given != true) > 0.99


def test_forward_does_not_correct_for_noise_where_a_label_is_trusted():
    transition = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    batch = Batch(torch.zeros(2, 2), torch.tensor([1, 1]), torch.tensor([0, 1]), torch.tensor([0, 1]), 1.0)
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
    loss = forward._corrected_loss(transition, torch.tensor([True, False]), nothing)
    trusted, corrected = loss(Answering(logits), batch).tolist()
    assert trusted == pytest.approx(F.cross_entropy(logits[:1], torch.tensor([1])).item())
    p = torch.softmax(logits[0], dim=0)
    assert corrected == pytest.approx(-torch.log(p[0] * 0.5 + p[1]).item())


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (gce, {"q": 0.0}, "method.q = 0.0: expected above 0, at most 1"),
        (sce, {"alpha": 0.0, "beta": 0.0}, "method.alpha = 0.0: expected above 0 where beta is 0"),
        (sce, {"beta": -1.0}, "method.beta = -1.0: expected 0 or more"),
        (mixup, {"alpha": 0.0}, "method.alpha = 0.0: expected above 0, at most 1000"),
        (forward, {"anchor_percentile": 20.0}, "method.anchor_percentile = 20.0: expected 50 to 100"),
        (ce, {"epochs": 0}, "method.epochs = 0: expected 1 or more"),
        (ce, {"record": 2.0}, "method.record = 2.0: expected 0 to 1"),
        (ce, {"peak_lr": 0.0}, "method.peak_lr = 0.0: expected above 0, at most 10"),
    ],
)
def test_settings_out_of_range_are_named(method, options, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(method.Options(), **options)
