"""Dynamic bootstrapping: its phases, its targets, and what a stop leaves behind."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import from_dict
from labelaudit.functional.metrics import auroc
from labelaudit.judging.beta_mixture import fit_beta_mixture, published_posterior
from labelaudit.methods import bootstrap
from labelaudit.methods.bootstrap import Options
from tests.methods.jobs import blobs, vector_job

VARIANTS: list[Any] = ["static-soft", "static-hard", "dy-s", "dy-h", "m-dyr-s", "m-dyr-h", "md-dyr-h", "md-dyr-sh"]
SHORT = Options(**bootstrap.fast_options(12), peak_lr=0.01)
PAPER = from_dict(Options, bootstrap.PAPER["cifar10"].options, prefix="")


def fitted_state(job, options, *, epoch, noisy=0.5):
    """Return a state in the middle of training, in which every label is as noisy as another."""
    state = job.new_state("bootstrap")
    state.epoch = epoch
    state.tables = {"noisy": torch.full((len(job.samples), 1), noisy), "losses": torch.zeros(len(job.samples), 1)}
    return state


def loss_of(options, *, epoch, network, noisy=0.5):
    """Return the (B,) losses of one batch in the epoch after `epoch`, and the batch."""
    values, given, _ = blobs(48, 3, rate=0.0)
    job = vector_job(values, given, 3)
    state = fitted_state(job, options, epoch=epoch, noisy=noisy)
    batch = next(iter(job.samples.shuffled("bootstrap", epoch + 1)))
    if epoch < options.warmup_epochs:
        return bootstrap._warmup_loss(job, options, state)(network, batch), batch
    return bootstrap._corrected_loss(job, options, state, None, nothing)(network, batch), batch


def nothing(*seen):
    """Record nothing."""
    del seen


def _rate(step):
    del step
    return 0.01


class Network(nn.Module):
    """A linear network that remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.weight = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
        self.seen = []

    def forward(self, inputs):
        self.seen.append(inputs)
        return inputs @ self.weight


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_ranks_planted_errors_first(variant):
    values, given, true = blobs(600, 4, rate=0.15)
    evidence = bootstrap.run(vector_job(values, given, 4), dataclasses.replace(SHORT, variant=variant))
    assert auroc(evidence.losses, given != true) > 0.97
    if not variant.startswith("static"):
        assert evidence.stages["bootstrap"]["noise_rate"] == pytest.approx(0.15, abs=0.1)


def test_every_variant_has_its_own_outcome():
    values, given, _ = blobs(150, 3, rate=0.2)
    losses = [
        bootstrap.run(vector_job(values, given, 3), dataclasses.replace(SHORT, variant=variant)).losses
        for variant in VARIANTS
    ]
    assert len({values.tobytes() for values in losses}) == len(VARIANTS)


def test_the_published_schedule_has_its_phases_and_its_ramp():
    assert (PAPER.epochs, PAPER.milestones, PAPER.warmup_epochs, PAPER.dynamic_epochs) == (300, (100, 250), 105, 5)
    soft_to_hard = dataclasses.replace(PAPER, variant="md-dyr-sh")
    # epoch 111 is the first that corrects labels; epochs before it are finished when it is asked for
    expected = {111: 1.0, 112: 1.0 - 0.999 / 88, 155: 0.5005, 198: 0.001 + 0.999 / 88, 199: 0.001, 300: 0.001}
    found = {epoch: bootstrap._temperature(soft_to_hard, epoch - 1) for epoch in expected}
    assert found == pytest.approx(expected)
    assert bootstrap._temperature(dataclasses.replace(PAPER, variant="md-dyr-h"), 110) == 0.001
    assert bootstrap._temperature(PAPER, 250) == 1.0


def test_the_unmixed_family_has_its_own_published_schedule():
    options = from_dict(Options, bootstrap.PAPER["cifar10-unmixed"].options, prefix="")
    found = (options.variant, options.epochs, options.milestones, options.warmup_epochs)
    assert found == ("dy-h", 120, (30, 80, 110), 30)


@pytest.mark.parametrize(("variant", "is_mixed"), [("dy-h", False), ("m-dyr-h", True), ("md-dyr-sh", True)])
def test_the_warm_up_is_plain_or_mixed_and_believes_every_label(variant, is_mixed):
    network = Network()
    options = dataclasses.replace(PAPER, variant=variant)
    losses, batch = loss_of(options, epoch=0, network=network)
    assert torch.equal(network.seen[0], batch.inputs) != is_mixed
    if not is_mixed:
        assert torch.allclose(losses, F.cross_entropy(network(batch.inputs), batch.labels, reduction="none"))


@pytest.mark.parametrize(("variant", "w"), [("static-soft", 0.05), ("static-hard", 0.2), ("dy-s", 0.5), ("dy-h", 0.5)])
def test_the_unmixed_loss_is_the_weighted_sum_of_label_and_prediction(variant, w):
    network = Network()
    losses, batch = loss_of(dataclasses.replace(SHORT, variant=variant), epoch=8, network=network)
    logits = network(batch.inputs)
    probs, log_probs = torch.softmax(logits, dim=1), torch.log_softmax(logits, dim=1)
    believed = F.one_hot(probs.argmax(dim=1), 3).float() if variant[-1] in "dh" else probs
    given = F.one_hot(batch.labels, 3).float()
    expected = -(((1 - w) * given + w * believed) * log_probs).sum(dim=1)
    assert torch.allclose(losses, expected, atol=1e-5)


@pytest.mark.parametrize(("variant", "half"), [("m-dyr-s", False), ("m-dyr-s", True), ("m-dyr-h", True)])
def test_the_mixed_loss_is_that_of_both_partners_and_the_class_prior(variant, half):
    network = Network()
    options = dataclasses.replace(SHORT, variant=variant, prior_weight=2.0, half_labels=half)
    losses, batch = loss_of(options, epoch=8, network=network, noisy=0.3)
    unmixed, mixed = network.seen
    assert torch.equal(unmixed, batch.inputs)
    probs = torch.softmax(unmixed @ network.weight, dim=1)
    believed = F.one_hot(probs.argmax(dim=1), 3).float() if variant == "m-dyr-h" else probs
    targets = 0.7 * F.one_hot(batch.labels, 3).float() + 0.3 * believed
    weight, partner = _weight_and_partner(batch.inputs, mixed)
    log_probs = torch.log_softmax(mixed @ network.weight, dim=1)
    own, other = (-(table * log_probs).sum(dim=1) for table in (targets, targets[partner]))
    prior = -(torch.log(log_probs.exp().mean(dim=0)) / 3).sum()
    weight = 0.5 if half and variant == "m-dyr-s" else weight
    assert torch.allclose(losses, weight * own + (1 - weight) * other + 2.0 * prior, atol=1e-4)


def _weight_and_partner(inputs, mixed):
    """Return the weight and the partners that turn `inputs` into `mixed`, found by trying them all."""
    rows = inputs[:, None] - inputs[None]  # [i, k] = x_i - x_k; mixed_i = x_k + weight (x_i - x_k)
    offset = mixed[:, None] - inputs[None]
    weights = (rows * offset).sum(dim=2) / (rows * rows).sum(dim=2).clamp_min(1e-9)
    misfit = (offset - weights[:, :, None] * rows).norm(dim=2)
    misfit.fill_diagonal_(torch.inf)
    partner = misfit.argmin(dim=1)
    weight = weights[torch.arange(len(inputs)), partner][misfit.min(dim=1).values < 1e-4].median()
    alone = misfit.min(dim=1).values > 1e-4  # drawn as their own partners
    return weight, torch.where(alone, torch.arange(len(inputs)), partner)


def test_inputs_are_mixed_by_noise_before_labels_are_corrected():
    network = Network()
    options = dataclasses.replace(SHORT, variant="md-dyr-sh", dynamic_epochs=3)
    values, given, _ = blobs(48, 3, rate=0.0)
    job = vector_job(values, given, 3)
    state = fitted_state(job, options, epoch=options.warmup_epochs)
    state.tables["noisy"][::2] = 1.0
    batch = next(iter(job.samples.shuffled("bootstrap", 1)))
    bootstrap._corrected_loss(job, options, state, None, nothing)(network, batch)
    clean = batch.index % 2 == 1
    distance = (network.seen[1] - batch.inputs).norm(dim=1)
    assert distance[clean].max() < distance[~clean].max()
    assert (distance[clean] < 1e-2).float().mean() > 0.3  # their partners were noisy: nothing of those is left
    assert (distance[clean] < 1e-2).sum() > (distance[~clean] < 1e-2).sum()


def test_the_noise_of_a_batch_follows_from_the_mixture_of_the_epoch_before():
    values, given, _ = blobs(200, 3, rate=0.2)
    job = vector_job(values, given, 3)
    options = dataclasses.replace(PAPER, epochs=12, warmup_epochs=4)
    state = fitted_state(job, options, epoch=6)
    rng = np.random.default_rng(0)
    losses = np.where(rng.random(200) < 0.3, rng.normal(4, 1, 200), np.abs(rng.normal(0, 0.3, 200))).clip(0)
    state.tables["losses"] = torch.from_numpy(losses.astype(np.float32))[:, None]
    mixture = bootstrap._mixture(job, options, state)
    assert mixture == fit_beta_mixture(losses.astype(np.float32), method="published")
    assert mixture is not None
    batch = next(iter(job.samples.shuffled("bootstrap", 7)))
    model = state.model
    found = bootstrap._noisy(job, options, state, mixture, model, batch)
    with torch.no_grad():
        of_batch = F.cross_entropy(model.eval()(batch.inputs), batch.labels, reduction="none").numpy()
    expected = np.clip(published_posterior(mixture, of_batch), 1e-4, 1 - 1e-4)
    assert found.numpy() == pytest.approx(expected, rel=1e-5)
    assert model.training is False  # by this test; the loss itself leaves the network in train mode
    bootstrap._noisy(job, options, state, mixture, model, batch)
    assert model.training


def test_labels_that_are_right_by_decree_are_never_corrected():
    values, given, _ = blobs(48, 3, rate=0.0)
    trusted = torch.zeros(48, dtype=torch.bool)
    trusted[:10] = True
    job = dataclasses.replace(vector_job(values, given, 3), trusted=trusted)
    state = fitted_state(job, SHORT, epoch=8, noisy=0.9)
    batch = next(iter(job.samples.shuffled("bootstrap", 9)))
    found = bootstrap._noisy(job, SHORT, state, None, Network(), batch)
    expected = torch.where(trusted[batch.index], 1e-4, 0.9)
    assert found.tolist() == pytest.approx(expected.tolist())


def test_the_refit_notes_the_loss_of_every_sample_and_how_noisy_it_is():
    values, given, true = blobs(400, 3, rate=0.2)
    job = vector_job(values, given, 3)
    state = fitted_state(job, SHORT, epoch=0)
    loss = bootstrap._warmup_loss(job, SHORT, state)
    for _ in range(4):
        job.train_epoch("bootstrap", state, loss, _rate, epochs=4)
    bootstrap._refit_(job, SHORT, state)
    probs = job.predict("bootstrap", state.model, ("plain",))
    expected = -torch.log(probs[torch.arange(400), torch.from_numpy(given)])
    assert state.tables["losses"].squeeze(1).tolist() == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-6)
    noisy = state.tables["noisy"].squeeze(1).numpy()
    assert auroc(noisy, given != true) > 0.95
    assert noisy.mean() == pytest.approx(0.2, abs=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 17}, "method.epochs = 17: expected more than the 17 of the warm-up"),
        ({"variant": "md-dyr-h", "epochs": 18}, "method.epochs = 18: expected more than the 18 of the warm-up"),
        ({"lowest_temperature": 0.0}, "method.lowest_temperature = 0.0: expected above 0, at most 1"),
        ({"mixup_alpha": 0.0}, "method.mixup_alpha = 0.0: expected above 0, at most 1000"),
        ({"prior_weight": -1.0}, "method.prior_weight = -1.0: expected 0 or more"),
    ],
)
def test_settings_out_of_range_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        Options(**options)


def test_the_fast_schedule_keeps_the_phases_in_proportion():
    assert bootstrap.fast_options(300) == {
        "epochs": 300,
        "warmup_epochs": 105,
        "dynamic_epochs": 6,
        "temperature_epochs": 90,
    }
    for epochs in range(1, 40):
        Options(variant="md-dyr-sh", **bootstrap.fast_options(epochs))
