"""DRPL's own mathematics and schedules."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from labelaudit.core.events import StageStarted
from labelaudit.core.recipe import TrainSettings
from labelaudit.functional.metrics import auroc
from labelaudit.methods import drpl
from labelaudit.training.checkpoint import StageState
from labelaudit.training.job import Job, make_optimizer
from labelaudit.training.stages import learning_rate
from labelaudit.training.streams import torch_generator
from tests.methods.jobs import blobs, vector_job

PAPER_LIKE = drpl.Options(
    schedule="milestones",
    peak_lr=0.01,
    stage1_epochs=14,
    stage1_milestones=(9, 12),
    relabel_from=8,
    prior_weight=0.8,
    entropy_weight=0.4,
    stage1_threshold=0.1,
    stage2_epochs=10,
    stage2_milestones=(6, 8),
    stage2="pseudo-labels",
    mixture="published",
    losses="augmented",
    record=0.0,
    evidence="last",
)


def test_the_papers_settings_find_planted_errors():
    values, given, true = blobs(600, 4, rate=0.3)
    evidence = drpl.run(vector_job(values, given, 4), PAPER_LIKE)
    assert auroc(evidence.losses, given != true) > 0.95
    assert evidence.stages["stage1"]["labelled"] < 600


def test_ssl_warm_up_starts_from_the_labelled_side():
    values, given, true = blobs(300, 3, rate=0.2)
    options = dataclasses.replace(PAPER_LIKE, ssl_warmup=True)
    titles = []
    job = vector_job(values, given, 3, on_event=lambda e: titles.append(e) if isinstance(e, StageStarted) else None)
    evidence = drpl.run(job, options)
    assert auroc(evidence.losses, given != true) > 0.9
    assert titles[1].samples == 300 * (10 + 10 + 1)


def test_pseudo_labels_are_the_mean_of_the_last_ten_epochs():
    values, given, _ = blobs(64, 3, rate=0.0)
    job = vector_job(values, given, 3)
    seen = []

    class Spy(Job):
        def train_epoch(self, stage, state, loss_fn, lr_at, *, epochs, **settings):
            Job.train_epoch(self, stage, state, loss_fn, lr_at, epochs=epochs, **settings)
            seen.append((state.tables["targets"].clone(), state.tables["window"].clone()))

    spy = Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)})
    options = drpl.Options(peak_lr=0.01, stage1_epochs=13, relabel_from=11, stage2_epochs=1)
    drpl._relabelling_stage(spy, options)
    one_hot = torch.nn.functional.one_hot(job.samples.labels, 3).float()
    assert torch.equal(seen[10][0], one_hot)  # epoch 11 still learnt from the given labels
    assert torch.allclose(seen[11][0], seen[10][1].float().mean(dim=0))  # epoch 12 from epochs 2..11


def test_renewed_pseudo_labels_leave_the_labelled_side_alone_and_reset_a_share():
    n = 4000
    targets = torch.nn.functional.one_hot(torch.arange(n) % 4, 4).float()
    seen = torch.full((n, 4), 0.1) + 0.6 * torch.nn.functional.one_hot((torch.arange(n) + 1) % 4, 4)
    labelled = torch.arange(n) < 1000
    state = StageState(torch.nn.Linear(1, 1), make_optimizer(torch.nn.Linear(1, 1), TrainSettings()))
    state.tables = {"targets": targets.clone(), "seen": seen}
    drpl._renew_pseudo_labels_(state, PAPER_LIKE, labelled, torch_generator(0, "test"), own=slice(None))
    renewed = state.tables["targets"]
    assert torch.equal(renewed[:1000], targets[:1000])
    uniform = (renewed[1000:] == 0.25).all(dim=1)
    assert uniform.float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert torch.equal(renewed[1000:][~uniform], seen[1000:][~uniform])


def test_first_targets_keep_given_labels_on_the_labelled_side():
    values, given, _ = blobs(40, 4, rate=0.0)
    job = vector_job(values, given, 4)
    labelled = torch.arange(40) < 10
    probs = torch.full((40, 4), 0.25)
    targets = drpl._first_targets(job, drpl.Options(), "stage2", labelled, probs)
    assert torch.equal(targets[:10].argmax(dim=1), job.samples.labels[:10])
    assert torch.equal(targets[10:], probs[10:])
    random_targets = drpl._first_targets(job, PAPER_LIKE, "stage2", labelled, probs)[10:]
    assert torch.equal(random_targets.sum(dim=1), torch.ones(30))
    assert set(random_targets.unique().tolist()) == {0.0, 1.0}


def test_constant_losses_split_nothing_and_say_so():
    values, given, _ = blobs(40, 2, rate=0.0)
    said: list[Any] = []
    job = vector_job(values, given, 2, on_event=said.append)
    probs = torch.full((40, 2), 0.5)
    noisy, found = drpl._split(job, probs, probs, drpl.Options())
    assert not noisy.any()
    assert found == {"mixture": None}
    assert said[0].text == "no evidence for or against any label: the losses are all alike, or fewer than ten"


def test_the_learning_rate_follows_the_schedule_by_step():
    values, given, _ = blobs(64, 2, rate=0.0)
    job = vector_job(values, given, 2)  # 2 steps an epoch
    steps = learning_rate(job, PAPER_LIKE, epochs=14, at=(9, 12))
    assert [steps(step) for step in (0, 15, 16, 21, 22)] == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.0001])
    cycle = learning_rate(job, drpl.Options(peak_lr=0.5), epochs=10, at=())
    assert cycle(3) == pytest.approx(0.5)
    assert cycle(19) == 0.0


def test_evidence_is_the_mean_of_both_networks():
    values, given, _ = blobs(120, 3, rate=0.1)
    options = drpl.Options(stage1_epochs=3, stage2_epochs=3, peak_lr=0.01)
    both = drpl.run(vector_job(values, given, 3), options)
    stage1, stage2 = both.scores["stage1_loss"], both.scores["stage2_loss"]
    assert both.given_probs == pytest.approx((np.exp(-stage1) + np.exp(-stage2)) / 2, abs=1e-6)


@pytest.mark.parametrize("options", [drpl.Options(stage1_epochs=2, stage2_epochs=1, peak_lr=0.01), PAPER_LIKE])
def test_trusted_labels_teach_in_both_stages_whatever_their_loss(options):
    values, given, true = blobs(200, 3, rate=0.3)
    trusted = torch.from_numpy(given != true)  # the user insists on labels that the network finds odd
    job = dataclasses.replace(vector_job(values, given, 3), trusted=trusted)
    targets: dict[str, torch.Tensor] = {}

    class Spy(Job):
        def checkpoint(self, stage, state):
            if "targets" in state.tables:  # the fast recipe's first stage learns from the labels themselves
                targets[stage] = state.tables["targets"].clone()

    spy = Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)})
    drpl.run(spy, options)
    one_hot = torch.nn.functional.one_hot(job.samples.labels, 3).float()
    assert all(torch.equal(found[trusted], one_hot[trusted]) for found in targets.values())
    assert not torch.equal(targets["stage2"], one_hot)


def test_a_split_that_leaves_nothing_labelled_keeps_the_lower_half_and_says_so():
    values, given, _ = blobs(40, 4, rate=0.0)
    said: list[Any] = []
    job = vector_job(values, given, 4, on_event=said.append)
    confidence = torch.linspace(0.3, 0.9, 40)
    probs = torch.full((40, 4), 0.0).scatter(1, job.samples.labels[:, None], confidence[:, None])
    labelled = drpl._labelled_side(job, torch.ones(40), probs, 0.1)
    assert labelled.tolist() == [False] * 20 + [True] * 20
    assert said[0].text == "0 samples have p(noisy) of 0.1 or less: the half with the lower losses is kept"
    assert drpl._labelled_side(job, torch.zeros(40), probs, 0.5).all()


def test_the_final_training_learns_from_what_stage_two_split_off_and_alone_is_shown():
    values, given, true = blobs(300, 3, rate=0.3)
    shown, targets = list[Any](), dict[str, list[Any]]()
    job = dataclasses.replace(vector_job(values, given, 3), on_classifier=shown.append)

    class Spy(Job):
        def checkpoint(self, stage, state):
            targets.setdefault(stage, []).append(state.tables["targets"].clone())

    spy = Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)})
    options = dataclasses.replace(PAPER_LIKE, final_epochs=3, final_milestones=(2,))
    evidence = drpl.run(spy, options)
    noisy = evidence.scores["stage2_noisy"]
    one_hot = torch.nn.functional.one_hot(job.samples.labels, 3).float()
    held = (targets["final"][-1] == one_hot).all(dim=1).numpy()
    assert (held == (noisy <= 0.5)).mean() > 0.97  # a prediction may be as sure as a label
    assert held[noisy <= 0.5].all()
    assert [(each.stage, each.epoch, each.epochs) for each in shown] == [("final", n, 3) for n in (1, 2, 3)]
    assert auroc(noisy, given != true) > 0.95
    without = drpl.run(vector_job(values, given, 3), PAPER_LIKE)
    assert np.array_equal(without.losses, evidence.losses)


def test_the_published_rows_train_a_classifier_where_one_is_wanted():
    lengths = {
        name: (row.classifier["final_epochs"], row.classifier["final_milestones"]) for name, row in drpl.PAPER.items()
    }
    assert lengths.pop("webvision") == (200, (150, 175))
    assert set(lengths.values()) == {(300, (150, 225))}
    assert all(drpl.Options(**row.options).final_epochs == 0 for row in drpl.PAPER.values())
