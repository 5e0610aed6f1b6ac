"""ELR's own mathematics and schedules."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from labelaudit.core.recipe import from_dict
from labelaudit.methods import elr
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.job import Job
from tests.methods.jobs import blobs, vector_job

SHORT = elr.Options(epochs=3, peak_lr=0.01)


class Logits(nn.Module):
    """A network whose outputs are its parameters, so that gradients can be read off."""

    def __init__(self, logits: Any) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        del x
        return self.logits


def softmax(logits: Any) -> Any:
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def visit(loss: Any, model: nn.Module, labels: list[int]) -> Any:
    """Return (B,) losses of a batch that is the whole dataset."""
    everything = torch.arange(len(labels))
    return loss(model, Batch(torch.zeros(len(labels), 1), torch.tensor(labels), everything, everything))


def started(n: int, n_classes: int) -> tuple[Job, StageState]:
    values, given, _ = blobs(n, n_classes, rate=0.0)
    job = vector_job(values, given, n_classes)
    state = job.new_state("elr")
    state.tables = {name: torch.zeros(n, n_classes) for name in ("targets", "evidence")}
    return job, state


def test_targets_move_before_they_are_used_and_are_not_corrected_for_their_start():
    logits = np.array([[2.0, 0.0, -1.0], [0.5, 0.1, 0.3]])
    labels, beta, weight = [1, 0], 0.7, 3.0
    job, state = started(2, 3)
    loss = elr._loss(job, elr.Options(target_momentum=beta, evidence_momentum=0.9), state, weight=weight)
    p, targets, evidence = softmax(logits), np.zeros((2, 3)), np.zeros((2, 3))
    for _ in range(2):
        losses = visit(loss, Logits(logits), labels)
        targets = beta * targets + (1 - beta) * p  # first visit: 0.3 p
        evidence = 0.9 * evidence + 0.1 * p
        expected = -np.log(p[[0, 1], labels]) + weight * np.log(1 - (targets * p).sum(axis=1))
        assert losses.detach().numpy() == pytest.approx(expected, abs=1e-5)
        assert state.tables["targets"].numpy() == pytest.approx(targets, abs=1e-6)
        assert state.tables["evidence"].numpy() == pytest.approx(evidence, abs=1e-6)


def test_the_gradient_is_that_of_lemma_2():
    rng = np.random.default_rng(0)
    logits, labels, weight = rng.normal(size=(4, 5)), [0, 4, 2, 2], 3.0
    job, state = started(4, 5)
    before = rng.dirichlet(np.ones(5), size=4)
    state.tables["targets"] = torch.tensor(before, dtype=torch.float32)
    model = Logits(logits)
    visit(elr._loss(job, elr.Options(target_momentum=0.9), state, weight=weight), model, labels).sum().backward()
    p = softmax(logits)
    t = 0.9 * before + 0.1 * p
    pulls = np.array([[sum((t[i, k] - t[i, c]) * p[i, k] for k in range(5)) for c in range(5)] for i in range(4)])
    g = p / (1 - (p * t).sum(axis=1, keepdims=True)) * pulls
    assert model.logits.grad is not None
    assert model.logits.grad.numpy() == pytest.approx(p - np.eye(5)[labels] + weight * g, abs=1e-5)


def test_the_target_of_a_trusted_sample_is_its_label_and_the_table_stays_the_networks_own():
    logits = np.array([[2.0, 0.0], [2.0, 0.0]])
    job, state = started(2, 2)
    job = dataclasses.replace(job, trusted=torch.tensor([True, False]))
    losses = visit(elr._loss(job, elr.Options(target_momentum=0.7), state, weight=3.0), Logits(logits), [1, 1]).detach()
    p = softmax(logits)[0]
    assert losses[0].item() == pytest.approx(-np.log(p[1]) + 3 * np.log(1 - p[1]), abs=1e-5)
    assert losses[1].item() == pytest.approx(-np.log(p[1]) + 3 * np.log(1 - 0.3 * (p**2).sum()), abs=1e-5)
    assert torch.equal(state.tables["targets"][0], state.tables["targets"][1])


@pytest.mark.parametrize("momentum", [0.9, 0.95])
def test_the_evidence_is_a_slower_average_or_the_target_scaled_to_sum_to_one(momentum):
    values, given, _ = blobs(60, 3, rate=0.1)
    tables = []

    class Spy(Job):
        def checkpoint(self, stage, state):
            del stage
            tables.append({name: table.clone() for name, table in state.tables.items()})

    job = vector_job(values, given, 3)
    spy = Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)})
    evidence = elr.run(spy, dataclasses.replace(SHORT, evidence_momentum=momentum))
    average = tables[-1]["evidence"].numpy()
    assert torch.equal(tables[-1]["evidence"], tables[-1]["targets"]) == (momentum == 0.9)
    assert average.sum(axis=1) == pytest.approx(np.full(60, 1 - momentum**3), abs=1e-5)
    expected = (average / average.sum(axis=1, keepdims=True))[np.arange(60), given]
    assert evidence.given_probs == pytest.approx(expected, abs=1e-6)


def rates(options: elr.Options, epochs: list[int]) -> list[float]:
    """Return the rate of the first step of each 1-based epoch; the job has two steps an epoch."""
    values, given, _ = blobs(64, 2, rate=0.0)
    lr_at = elr._learning_rate(vector_job(values, given, 2), options)
    assert [lr_at(2 * (e - 1)) for e in epochs] == [lr_at(2 * e - 1) for e in epochs] or options.schedule == "one-cycle"
    return [lr_at(2 * (epoch - 1)) for epoch in epochs]


def test_the_published_steps_multiply_by_a_hundredth_after_40_and_80_epochs():
    options = from_dict(elr.Options, elr.PAPER["cifar10"].options, prefix="")
    assert options.epochs == 120
    assert rates(options, [1, 40, 41, 80, 81, 120]) == pytest.approx([0.02, 0.02, 2e-4, 2e-4, 2e-6, 2e-6])


def test_the_published_cosine_restarts_every_ten_epochs_above_a_thousandth():
    options = from_dict(elr.Options, elr.PAPER["cifar10-cosine"].options, prefix="")
    middle = 0.001 + 0.019 / 2
    last = 0.001 + 0.019 * (1 + np.cos(0.9 * np.pi)) / 2
    expected = [0.02, middle, last, 0.02, middle, last]
    assert rates(options, [1, 6, 10, 11, 16, 150]) == pytest.approx(expected)


def test_one_cycle_ends_at_zero():
    values, given, _ = blobs(64, 2, rate=0.0)
    lr_at = elr._learning_rate(vector_job(values, given, 2), elr.Options(epochs=5, peak_lr=0.5))
    assert [lr_at(1), lr_at(9)] == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize(("n_classes", "weight"), [(3, 3.0), (100, 7.0)])
def test_the_weight_is_that_published_for_so_many_classes_unless_it_is_given(n_classes, weight):
    values, given, _ = blobs(200, n_classes, rate=0.0)
    job = vector_job(values, given, n_classes)
    assert elr.run(job, SHORT).stages == {"elr": {"target_weight": weight}}
    assert elr.run(job, dataclasses.replace(SHORT, target_weight=1.5)).stages == {"elr": {"target_weight": 1.5}}


def test_the_ablations_replace_the_term_by_a_divergence_or_leave_it_out():
    logits, labels = np.array([[2.0, 0.0, -1.0], [0.5, 0.1, 0.3]]), [1, 0]
    p, found = softmax(logits), {}
    cross_entropy = -np.log(p[np.arange(2), labels])
    for term in ("none", "kl"):
        job, state = started(2, 3)
        state.tables["targets"] = torch.full((2, 3), 1.0)
        options = elr.Options(term=term, target_momentum=0.0)
        found[term] = visit(elr._loss(job, options, state, weight=3.0), Logits(logits), labels).detach().numpy()
        shifted = elr.Options(term=term, target_momentum=0.5)
        job, state = started(2, 3)
        state.tables["targets"] = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        found[f"{term}-away"] = (
            visit(elr._loss(job, shifted, state, weight=3.0), Logits(logits), labels).detach().numpy()
        )
    assert found["none"] == pytest.approx(cross_entropy, rel=1e-5)
    assert found["kl"] == pytest.approx(cross_entropy, rel=1e-4)  # the target is the prediction
    target = 0.5 * np.array([1.0, 0.0, 0.0]) + 0.5 * p
    assert found["kl-away"] == pytest.approx(cross_entropy + 3 * (target * np.log(target / p)).sum(axis=1), rel=1e-4)
