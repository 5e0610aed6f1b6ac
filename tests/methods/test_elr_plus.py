"""ELR+'s own mathematics and schedules."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from labelaudit.core.recipe import from_dict
from labelaudit.core.seeds import numpy_generator
from labelaudit.methods import elr_plus
from labelaudit.training.batches import Batch
from labelaudit.training.job import Classifier, Job
from labelaudit.training.streams import torch_generator
from tests.methods.jobs import blobs, vector_job

SHORT = elr_plus.Options(epochs=3, peak_lr=0.01)
TABLES = ("targets", "evidence")


def small_job(n: int = 6, n_classes: int = 3, **changes: Any) -> Job:
    values, given, _ = blobs(n, n_classes, rate=0.0)
    return dataclasses.replace(vector_job(values, given, n_classes), **changes)


def networks_of(job: Job) -> tuple[nn.Module, nn.Module]:
    student, teacher = job.new_state("test", networks=2).model.children()
    return student.eval(), teacher.eval()  # so that a second look sees the same


def everything(job: Job) -> Batch:
    inputs = next(job.samples.in_order("plain")).inputs
    index = torch.arange(len(job.samples))
    return Batch(inputs, job.samples.labels, index, index)


def loss_by_hand(job: Job, student: nn.Module, teacher: nn.Module, before: Any, options: elr_plus.Options) -> Any:
    """Return (B,) losses and (B, C) targets of a first step, written down from the paper."""
    batch = everything(job)
    seen = torch.softmax(teacher(batch.inputs), dim=1).detach().numpy().astype(np.float64)
    share = numpy_generator(job.seed, "mixing", "elr+", 0).beta(options.mixup_alpha, options.mixup_alpha)
    share = max(share, 1 - share)
    partner = torch.randperm(len(seen), generator=torch_generator(job.seed, "pairing", "elr+", 0)).numpy()
    targets = 0.7 * before + 0.3 * seen
    q = share * targets + (1 - share) * targets[partner]
    y = np.eye(job.n_classes)[job.samples.labels.numpy()]
    y = share * y + (1 - share) * y[partner]
    if options.reweight_labels:
        y = y * q / (y * q).sum(axis=1, keepdims=True)
    x = share * batch.inputs + (1 - share) * batch.inputs[partner]
    p = torch.softmax(student(x), dim=1).detach().numpy().astype(np.float64)
    ramp = math.exp(-5.0) if options.coefficient_ramp_steps else 1.0
    return -(y * np.log(p)).sum(axis=1) + ramp * 3.0 * np.log(1 - (q * p).sum(axis=1)), targets


@pytest.mark.parametrize(
    "options",
    [
        elr_plus.Options(mixup_alpha=1.0, target_momentum=0.7),
        elr_plus.Options(mixup_alpha=1.5, target_momentum=0.7, reweight_labels=True, coefficient_ramp_steps=100),
    ],
)
def test_the_first_loss_is_that_of_the_paper(options):
    job = small_job()
    student, teacher = networks_of(job)
    state = job.new_state("elr+", networks=2)
    before = np.random.default_rng(0).dirichlet(np.ones(3), size=6)
    state.tables = {name: torch.tensor(np.stack([before, before]), dtype=torch.float32) for name in TABLES}
    expected, targets = loss_by_hand(job, student, teacher, before, options)
    loss = elr_plus._loss(job, options, state, student, teacher, weight=3.0)
    assert loss(state.model, everything(job)).detach().numpy() == pytest.approx(expected, abs=1e-4)
    assert state.tables["targets"][0].numpy() == pytest.approx(targets, abs=1e-6)
    assert state.tables["targets"][1].numpy() == pytest.approx(before, abs=1e-6)  # the other network's stay


def test_no_gradient_reaches_the_teacher_and_without_mixing_a_sample_is_its_own_partner():
    job = small_job()
    student, teacher = networks_of(job)
    state = job.new_state("elr+", networks=2)
    state.tables = {name: torch.zeros(2, 6, 3) for name in TABLES}
    options = elr_plus.Options(mixup_alpha=0.0, target_momentum=0.7)
    batch = everything(job)
    losses = elr_plus._loss(job, options, state, student, teacher, weight=0.0)(state.model, batch)
    assert torch.allclose(
        losses, nn.functional.cross_entropy(student(batch.inputs), batch.labels, reduction="none"), atol=1e-6
    )
    losses.sum().backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(parameter.grad is not None for parameter in student.parameters())


def test_the_targets_of_trusted_samples_are_their_labels_and_the_table_stays_the_networks_own():
    trusted = torch.tensor([True] * 6)
    job = small_job(trusted=trusted)
    student, teacher = networks_of(job)
    state = job.new_state("elr+", networks=2)
    state.tables = {name: torch.zeros(2, 6, 3) for name in TABLES}
    batch = everything(job)
    options = elr_plus.Options(mixup_alpha=0.0, target_momentum=0.7)
    losses = elr_plus._loss(job, options, state, student, teacher, weight=3.0)(state.model, batch)
    own = torch.softmax(student(batch.inputs), dim=1)[torch.arange(6), batch.labels]
    assert torch.allclose(losses, -torch.log(own) + 3 * torch.log(1 - own), atol=1e-5)
    seen = torch.softmax(teacher(batch.inputs), dim=1)
    assert torch.allclose(state.tables["targets"][0], 0.3 * seen)
    assert torch.allclose(state.tables["evidence"][0], 0.05 * seen)


def test_networks_take_turns_and_each_goes_through_the_whole_schedule():
    job = small_job(64)  # 2 steps an epoch
    own = [elr_plus._own_step(job, elr_plus.Options(), step) for step in range(12)]
    assert own == [0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5]
    options = dataclasses.replace(SHORT, schedule="milestones", milestones=(2, 3))
    lr_at = elr_plus._learning_rate(job, options)
    expected = [0.01] * 4 + [0.001] * 4 + [0.0001] * 4
    assert [lr_at(step) for step in range(12)] == pytest.approx(expected)
    cycle = elr_plus._learning_rate(job, SHORT)
    assert cycle(9) == cycle(11) == 0.0


def test_the_decay_climbs_as_published():
    published = from_dict(elr_plus.Options, elr_plus.PAPER["cifar10"].options, prefix="")
    ramp = [elr_plus._decay(published, step) for step in (0, 20_000, 40_000, 90_000)]
    assert ramp == pytest.approx([0.997 * math.exp(-5), 0.997 * math.exp(-1.25), 0.997, 0.997])
    webvision = from_dict(elr_plus.Options, elr_plus.PAPER["webvision"].options, prefix="")
    mean = [elr_plus._decay(webvision, step) for step in (0, 1, 9, 10_000)]
    assert mean == pytest.approx([0.0, 0.5, 0.9, 0.997])


def test_both_networks_are_shown_and_averages_and_targets_are_checkpointed():
    shown: list[Classifier] = []
    states = []

    class Spy(Job):
        def checkpoint(self, stage, state):
            states.append((stage, len(list(state.model.children())), *(state.tables[name].shape for name in TABLES)))

    values, given, _ = blobs(60, 3, rate=0.1)
    job = dataclasses.replace(vector_job(values, given, 3), on_classifier=shown.append)
    spy = Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)})
    elr_plus.run(spy, SHORT)
    assert [(each.epoch, each.epochs, len(each.models)) for each in shown] == [(1, 3, 2), (2, 3, 2), (3, 3, 2)]
    assert states == [("elr+", 4, (2, 60, 3), (2, 60, 3))] * 6


def test_in_its_turn_a_network_learns_from_the_others_average_and_moves_its_own():
    made: list[nn.Module] = []
    called: list[set[int]] = [set()]
    moved: list[list[bool]] = []
    before: list[torch.Tensor] = []

    def weights() -> list[torch.Tensor]:
        return [next(model.parameters()).detach().clone() for model in made]

    class Spy(Job):
        def new_network(self, name):
            model = Job.new_network(self, name)
            number = len(made)
            model.register_forward_hook(lambda *_: called[-1].add(number))
            made.append(model)
            return model

        def checkpoint(self, stage, state):
            del stage, state
            after = weights()
            moved.append([not torch.equal(a, b) for a, b in zip(after, before[-4:] or after, strict=True)])
            before.extend(after)
            called.append(set())

    job = small_job(64)
    spy = Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)})
    elr_plus.run(spy, SHORT)
    network1, network2, average1, average2 = range(4)
    assert called[:4] == [{network1, average2}, {network2, average1}] * 2
    assert moved[1:3] == [[False, True, False, True], [True, False, True, False]]


def test_the_average_follows_its_own_network_only():
    job = small_job(64)
    averages, networks = (job.new_state(name, networks=2).model for name in ("a", "b"))
    average, network = next(averages.children()), next(networks.children())
    elr_plus._following(job, elr_plus.Options(average_decay=0.75), average, network)(12)  # own step 4: 1 - 1/5 > 0.75
    fresh = next(job.new_state("a", networks=2).model.children())
    for moved, start, weight in zip(average.parameters(), fresh.parameters(), network.parameters(), strict=True):
        assert torch.allclose(moved, 0.75 * start + 0.25 * weight)


def test_short_fast_schedules_do_not_mix():
    assert elr_plus.fast_options(24) == {"epochs": 24, "mixup_alpha": 0.0}
    assert elr_plus.fast_options(150) == {"epochs": 150, "mixup_alpha": 1.0}


def test_a_learner_alone_is_taught_by_its_own_average_and_shown_alone():
    values, given, _ = blobs(60, 3, rate=0.2)
    shown: list[Any] = []
    job = dataclasses.replace(vector_job(values, given, 3), on_classifier=shown.append)
    options = elr_plus.Options(epochs=2, learners=1, peak_lr=0.01, mixup_alpha=1.0)
    evidence = elr_plus.run(job, options)
    assert [(each.epoch, each.epochs, len(each.models)) for each in shown] == [(1, 2, 1), (2, 2, 1)]
    assert len(evidence.losses) == 60
    assert [elr_plus._own_step(job, options, step) for step in range(4)] == [0, 1, 2, 3]
