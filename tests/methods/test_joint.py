"""Joint optimisation: labels that follow the network, and a second training on them."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import from_dict
from labelaudit.functional.metrics import auroc
from labelaudit.methods import joint
from labelaudit.methods.joint import Options
from tests.methods.jobs import blobs, vector_job


class Answering(nn.Module):
    """A network that answers with these logits whatever it sees."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, inputs):
        del inputs
        return self.logits


def short(**options):
    return Options(**(joint.fast_options(12) | {"peak_lr": 0.01} | options))


def test_most_wrong_labels_are_replaced_by_the_true_ones():
    values, given, true = blobs(600, 4, rate=0.2)
    job = vector_job(values, given, 4)
    learnt = joint._learn_labels(job, short())["targets"].argmax(dim=1).numpy()
    wrong = given != true
    assert (learnt[wrong] == true[wrong]).mean() > 0.9
    assert (learnt[~wrong] == true[~wrong]).mean() > 0.97
    evidence = joint.run(job, short())
    assert evidence.stages["stage1"]["labels_changed"] == (learnt != given).sum()
    assert auroc(evidence.losses, wrong) > 0.98


def test_labels_are_the_mean_of_the_predictions_of_the_last_ten_epochs(monkeypatch):
    values, given, _ = blobs(64, 3, rate=0.2)
    job = vector_job(values, given, 3)
    seen: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []

    def spy(self, stage, state, loss_fn, lr_at, *, epochs):
        def watched(model, batch):
            logits = model(batch.inputs)
            seen[-1][batch.row] = torch.softmax(logits.detach(), dim=1)
            return loss_fn(lambda inputs: logits + 0 * inputs.sum(), batch)

        targets.append(state.tables["targets"].clone())
        seen.append(torch.zeros(64, 3))
        train_epoch(self, stage, state, watched, lr_at, epochs=epochs)

    train_epoch = type(job).train_epoch
    monkeypatch.setattr(type(job), "train_epoch", spy)
    learnt = joint._learn_labels(job, short(stage1_epochs=14, relabel_from=12))["targets"]
    one_hot = torch.eye(3)[torch.from_numpy(given)]
    assert all(torch.equal(table, one_hot) for table in targets[:12])  # epoch 13 is the first on learnt labels
    assert torch.allclose(targets[12], torch.stack(seen[2:12]).mean(dim=0), atol=2e-3)
    assert torch.allclose(targets[13], torch.stack(seen[3:13]).mean(dim=0), atol=2e-3)
    assert torch.allclose(learnt, torch.stack(seen[4:14]).mean(dim=0), atol=2e-3)


def test_labels_that_are_right_by_decree_stay():
    values, given, true = blobs(300, 3, rate=0.0)
    given[:20] = (true[:20] + 1) % 3
    trusted = torch.zeros(300, dtype=torch.bool)
    trusted[:20] = True
    job = dataclasses.replace(vector_job(values, given, 3), trusted=trusted)
    learnt = joint._learn_labels(job, short())["targets"]
    assert torch.equal(learnt[:20], torch.eye(3)[torch.from_numpy(given[:20])])
    assert not torch.equal(learnt[20:], torch.eye(3)[torch.from_numpy(given[20:])])


def test_the_second_network_learns_from_the_learnt_labels_alone():
    values, given, true = blobs(300, 3, rate=0.6)
    job = vector_job(values, given, 3)
    probs = joint._learn_from(job, short(), torch.eye(3)[torch.from_numpy(true)])
    assert (probs.argmax(dim=1).numpy() == true).mean() > 0.99


def test_the_regularisers_pull_towards_even_classes_and_sure_predictions():
    values, given, _ = blobs(32, 2, rate=0.0)
    job = vector_job(values, given, 2)
    state = job.new_state("stage1")
    state.tables = {"targets": torch.full((32, 2), 0.5), "window": torch.zeros(10, 32, 2, dtype=torch.float16)}
    batch = next(iter(job.samples.shuffled("stage1", 1)))

    def loss_at(logits, **weights):
        network = Answering(logits)
        return joint._joint_loss(short(**weights), state)(network, batch).mean()

    sure = torch.tensor([[3.0, -3.0], [-3.0, 3.0]]).repeat(16, 1)
    one_sided = torch.tensor([[3.0, -3.0]]).repeat(32, 1)
    flat = torch.zeros(32, 2)
    plain, prior, entropy = ({"prior_weight": a, "entropy_weight": b} for a, b in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    log2 = np.log(2)
    assert (loss_at(sure, **prior) - loss_at(sure, **plain)).item() == pytest.approx(log2, abs=1e-5)
    assert (loss_at(one_sided, **prior) - loss_at(one_sided, **plain)).item() > 2
    assert (loss_at(flat, **entropy) - loss_at(flat, **plain)).item() == pytest.approx(log2, abs=1e-5)
    assert (loss_at(sure, **entropy) - loss_at(sure, **plain)).item() < 0.05


@pytest.mark.parametrize(
    ("row", "rate", "prior", "entropy"), [("cifar10", 0.08, 1.2, 0.8), ("cifar10-asym", 0.03, 0.8, 0.4)]
)
def test_the_published_schedules(row, rate, prior, entropy):
    options = from_dict(Options, joint.PAPER[row].options, prefix="")
    assert (options.peak_lr, options.prior_weight, options.entropy_weight) == (rate, prior, entropy)
    assert (options.stage1_epochs, options.relabel_from, options.stage1_milestones) == (200, 70, ())
    assert (options.stage2_epochs, options.stage2_milestones, options.stage2_lr) == (120, (40, 80), 0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relabel_from": 25}, "method.relabel_from = 25: expected 1 to 24"),
        ({"relabel_from": 0}, "method.relabel_from = 0: expected 1 to 24"),
        ({"prior_weight": -0.1}, "method.prior_weight = -0.1: expected 0 or more"),
        ({"stage2_lr": 0.0}, "method.stage2_lr = 0.0: expected above 0, at most 10"),
    ],
)
def test_settings_out_of_range_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        Options(**options)
