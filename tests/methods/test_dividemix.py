"""DivideMix's own mathematics and schedules."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from labelaudit.core.recipe import from_dict
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.metrics import auroc
from labelaudit.methods import dividemix
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.job import Job
from labelaudit.training.streams import torch_generator
from tests.methods.jobs import blobs, vector_job

SHORT = dividemix.Options(epochs=4, warmup_epochs=2, peak_lr=0.01)


def started(n: int, n_classes: int, **changes: Any) -> tuple[Job, StageState, nn.Module, nn.Module]:
    values, given, _ = blobs(n, n_classes, rate=0.0)
    job = dataclasses.replace(vector_job(values, given, n_classes), **changes)
    state = job.new_state("dividemix", networks=2)
    first, second = state.model.eval().children()  # in eval mode, so that a second look sees the same
    return job, state, first, second


def probs_of(network: nn.Module, inputs: torch.Tensor) -> Any:
    return torch.softmax(network(inputs), dim=1).detach().numpy().astype(np.float64)


def sharpened(probs: Any, temperature: float) -> Any:
    powers = probs ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def test_a_step_of_mixmatch_is_that_of_the_paper():
    options = dividemix.Options(epochs=30, warmup_epochs=10, temperature=0.5, unlabelled_weight=25.0)
    job, state, me, other = started(12, 3)
    clean = np.linspace(0.05, 0.95, 12)
    state.tables["clean"] = torch.tensor(np.stack([np.full(12, 0.9), clean], axis=1), dtype=torch.float32)
    loss, labelled = dividemix._mixmatch(job, options, state, me, other, epoch=18)
    assert labelled.tolist() == [False] * 6 + [True] * 6  # by the other network's column

    batch, more = (
        next(job.samples.shuffled(*names, among=among))
        for names, among in ((("any",), labelled), (("dividemix", "unlabelled", 0, 0), ~labelled))
    )
    found = loss(state.model, batch).detach().numpy()

    rows, one_hot = batch.index.numpy(), np.eye(3)[batch.labels.numpy()]
    w = clean[rows][:, None]
    targets = np.concatenate(
        [
            sharpened(w * one_hot + (1 - w) * probs_of(me, batch.inputs), 0.5),
            sharpened((probs_of(me, more.inputs) + probs_of(other, more.inputs)) / 2, 0.5),
        ]
    )
    share = numpy_generator(job.seed, "mixing", "dividemix", 0).beta(4.0, 4.0)
    share = max(share, 1 - share)
    partner = torch.randperm(12, generator=torch_generator(job.seed, "views and pairs", "dividemix", 0))
    inputs = torch.cat([batch.inputs, more.inputs])
    p = probs_of(me, share * inputs + (1 - share) * inputs[partner])
    t = share * targets + (1 - share) * targets[partner.numpy()]
    labelled_part = -(t[:6] * np.log(p[:6])).sum(axis=1)
    unlabelled_part = ((p[6:] - t[6:]) ** 2).mean()
    penalty = -np.log(p.mean(axis=0)).mean()
    assert found == pytest.approx(labelled_part + 12.5 * unlabelled_part + penalty, abs=1e-4)


def test_the_other_turn_takes_the_other_column_and_trusted_samples_are_always_labelled():
    trusted = torch.arange(12) == 0
    job, state, me, other = started(12, 3, trusted=trusted)
    state.tables["clean"] = torch.stack([torch.arange(12) >= 4, torch.arange(12) < 4], dim=1).float()
    _, labelled = dividemix._mixmatch(job, SHORT, state, me, other, epoch=2)
    assert labelled.tolist() == [True] * 4 + [False] * 8
    state.epoch = 1
    _, labelled = dividemix._mixmatch(job, SHORT, state, other, me, epoch=2)
    assert labelled.tolist() == [True] + [False] * 3 + [True] * 8


def test_too_few_labelled_samples_leave_the_better_half():
    clean = torch.tensor([0.1, 0.4, 0.2, 0.3, 0.25])
    assert dividemix._labelled_side(clean, 0.5, fewest=1).tolist() == [False, True, False, True, True]
    assert dividemix._labelled_side(clean, 0.35, fewest=1).tolist() == [False, True, False, False, False]


def test_without_unlabelled_samples_the_labelled_ones_are_mixed_alone():
    job, state, me, other = started(12, 3)
    state.tables["clean"] = torch.ones(12, 2)
    loss, labelled = dividemix._mixmatch(job, SHORT, state, me, other, epoch=2)
    assert labelled.all()
    assert loss(state.model, next(job.samples.shuffled("any"))).shape == (12,)


def test_two_views_of_a_sample_share_their_targets_and_their_loss():
    job, state, me, other = started(12, 3)
    state.tables["clean"] = (torch.arange(12) < 8).float()[:, None].repeat(1, 2)
    options = dataclasses.replace(SHORT, views=2)
    loss, labelled = dividemix._mixmatch(job, options, state, me, other, epoch=2)
    seen: list[int] = []
    me.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    assert loss(state.model, next(job.samples.shuffled("any", among=labelled))).shape == (8,)
    assert seen == [8, 8, 4, 4, 24]  # to guess twice on either side, and mixed


def test_the_warm_up_is_cross_entropy_and_where_asked_less_the_entropy():
    job, _, me, _ = started(6, 3)
    batch = next(job.samples.in_order("plain"))
    p = probs_of(me, batch.inputs)
    plain = -np.log(p[np.arange(6), batch.labels.numpy()])
    for penalty in (False, True):
        loss = dividemix._warmup_loss(me, dataclasses.replace(SHORT, confidence_penalty=penalty))
        expected = plain + (p * np.log(p)).sum(axis=1) * penalty
        assert loss(me, batch).detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_the_division_is_a_mixture_on_each_networks_own_losses():
    values, given, true = blobs(300, 3, rate=0.2)
    job = vector_job(values, given, 3)
    state = job.new_state("dividemix", networks=2)
    networks = list(state.model.children())
    state.tables = {"clean": torch.ones(300, 2), "recorded": torch.zeros(300, 3)}
    for _ in range(6):
        job.train_epoch("dividemix", state, dividemix._warmup_loss(networks[1], SHORT), lambda _: 0.01, epochs=6)
    dividemix._divide_(job, state, networks)
    wrong = given != true
    assert auroc(-state.tables["clean"][:, 1].numpy(), wrong) > 0.95
    assert auroc(-state.tables["clean"][:, 0].numpy(), wrong) < 0.9  # this one has not learnt
    assert torch.allclose(state.tables["recorded"].sum(dim=1), torch.full((300,), 2.0))


def test_the_weight_of_unlabelled_samples_climbs_over_sixteen_epochs():
    published = from_dict(dividemix.Options, dividemix.PAPER["cifar10"].options, prefix="")
    found = [dividemix._unlabelled_weight(published, epoch) for epoch in (10, 10.5, 18, 26, 299)]
    assert found == pytest.approx([0.0, 25 / 32, 12.5, 25.0, 25.0])
    assert dividemix._unlabelled_weight(dataclasses.replace(published, unlabelled_ramp_epochs=0), 10) == 25.0


def test_the_rate_follows_the_epochs_of_each_network_however_many_steps_a_turn_has():
    job, state, _, _ = started(64, 2)  # 2 steps where all samples are labelled
    published = from_dict(dividemix.Options, dividemix.PAPER["cifar10"].options, prefix="")
    state.step = 1000
    rates = [dividemix._learning_rate(job, published, state, epoch, None)(1000) for epoch in (0, 149, 150, 299)]
    assert rates == pytest.approx([0.02, 0.02, 0.002, 0.002])
    one_step = torch.arange(64) < 20
    last = [dividemix._learning_rate(job, SHORT, state, 3, among) for among in (None, one_step)]
    assert last[0](1001) == last[1](1000) == 0.0
    assert last[0](1000) == pytest.approx(0.01 / 8 / 0.8)


def test_every_published_row_is_a_setting():
    rows = {name: from_dict(dividemix.Options, row.options, prefix="") for name, row in dividemix.PAPER.items()}
    assert {name: (row.unlabelled_weight, row.confidence_penalty, row.views) for name, row in rows.items()} == {
        "cifar10": (25.0, False, 2),
        "cifar10-asym": (0.0, True, 2),
        "cifar100": (150.0, False, 2),
    }


def test_batches_of_the_unlabelled_side_never_end():
    job, _, _, _ = started(12, 3)
    among = torch.arange(12) >= 8
    endless = dividemix._endless(job, 0, among)
    found: list[Batch] = [next(endless) for _ in range(3)]
    assert [sorted(batch.index.tolist()) for batch in found] == [[8, 9, 10, 11]] * 3
    assert len({tuple(batch.index.tolist()) for batch in found}) > 1
    assert next(dividemix._endless(job, 0, torch.arange(12) == 0), None) is None
