"""IEG's own mathematics, its two look-aheads, and the trusted set."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labelaudit.core.errors import ConfigError
from labelaudit.core.events import Said
from labelaudit.functional.losses import soft_cross_entropy
from labelaudit.functional.meta_weights import normalised_logits
from labelaudit.functional.metrics import auroc
from labelaudit.methods import ieg
from labelaudit.training.job import Job
from tests.methods.jobs import blobs, image_job, vector_job

SHORT = ieg.Options(epochs=6, peak_lr=0.01)


def trusting(job: Job, right: np.ndarray, *, per_class: int = 4) -> Job:
    """Return the job with a few of the right labels of each class as trusted ones."""
    labels = job.samples.labels.numpy()
    trusted = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        trusted[np.flatnonzero(right & (labels == label))[:per_class]] = True
    return dataclasses.replace(job, trusted=torch.from_numpy(trusted))


def trusted_of(job: Job) -> torch.Tensor:
    assert job.trusted is not None
    return job.trusted


def clouds(*, n: int = 400, n_classes: int = 4, rate: float = 0.4, **changes: Any) -> tuple[Job, np.ndarray]:
    values, given, true = blobs(n, n_classes, rate=rate)
    return trusting(vector_job(values, given, n_classes, **changes), given == true), given != true


@pytest.mark.parametrize("meta", ["last-layer", pytest.param("exact", marks=pytest.mark.slow)])
def test_wrong_labels_rank_first_and_are_kept_less_often(meta):
    job, wrong = clouds()
    evidence = ieg.run(job, dataclasses.replace(SHORT, meta=meta))
    untrusted = ~trusted_of(job).numpy()
    assert auroc(evidence.losses[untrusted], wrong[untrusted]) > 0.95
    kept, weight = evidence.scores["kept"], evidence.scores["weight"]
    assert kept[untrusted & ~wrong].mean() > 2 * kept[untrusted & wrong].mean()
    assert weight[untrusted & ~wrong].mean() > 2 * weight[untrusted & wrong].mean()


def test_images_are_seen_under_auto_augment():
    job, wrong = image_job(240, 3)
    job = trusting(job, ~wrong)
    evidence = ieg.run(job, SHORT)
    assert auroc(evidence.losses, wrong) > 0.8


def test_trusted_samples_are_in_no_noisy_batch_and_every_other_is_once_an_epoch(monkeypatch):
    job, _ = clouds(n=120)
    seen: list[int] = []
    original = ieg._loss

    def spied(*arguments):
        loss = original(*arguments)

        def noted(model, batch):
            seen.extend(batch.index.tolist())
            return loss(model, batch)

        return noted

    monkeypatch.setattr(ieg, "_loss", spied)
    ieg.run(job, dataclasses.replace(SHORT, epochs=2))
    untrusted = (~trusted_of(job)).nonzero()[:, 0].tolist()
    assert sorted(seen) == sorted(2 * untrusted)


def test_the_divergence_is_torchs():
    torch.manual_seed(0)
    plain, strong = torch.randn(5, 3), torch.randn(5, 3)
    strong.requires_grad_()
    found = ieg._divergence(plain.requires_grad_(), strong)
    expected = F.kl_div(torch.log_softmax(strong, 1), torch.softmax(plain, 1), reduction="none").sum(dim=1)
    assert torch.allclose(found, expected, atol=1e-6)
    found.sum().backward()
    assert plain.grad is None
    assert strong.grad is not None
    assert strong.grad.abs().sum() > 0


@pytest.mark.parametrize(("share", "n"), [(1.0, 3), (2 / 3, 2), (0.1, 1)])
def test_the_mixed_loss_is_that_of_one_pair_after_the_other(share, n):
    torch.manual_seed(0)
    B, T, C = 3, 2, 4
    network = nn.Linear(5, C)
    inputs, strong, trusted = torch.randn(B, 5), torch.randn(B, 5), torch.randn(T, 5)
    pseudo, labels = torch.softmax(torch.randn(B, C), 1), torch.tensor([1, 3])
    options = ieg.Options(mixed_weight=5.0, mixed_share=share)
    found = ieg._mixed_loss(network, inputs, strong, pseudo, trusted, labels, options, torch.Generator().manual_seed(7))
    draw = torch.Generator().manual_seed(7)
    chosen = torch.randint(T, (n,), generator=draw).tolist()
    halved = [float(u) ** 2 / 2 for u in torch.rand(3 * n, generator=draw)]
    partner = torch.randperm(3 * n, generator=draw).tolist()
    pool = [*(trusted[i] for i in chosen), *inputs[:n], *strong[:n]]
    targets = [*(F.one_hot(labels[i], C).float() for i in chosen), *pseudo[:n], *pseudo[:n]]
    logits, mixed = [], []
    for i, u in enumerate(halved):
        own = max(u, 1 - u)
        assert own >= 0.5
        logits.append(network(own * pool[i] + (1 - own) * pool[partner[i]]))
        mixed.append(own * targets[i] + (1 - own) * targets[partner[i]])
    thirds = [
        soft_cross_entropy(normalised_logits(torch.stack(logits[k : k + n])), torch.stack(mixed[k : k + n]))
        for k in (0, n, 2 * n)
    ]
    expected = thirds[0].mean() + 5.0 * torch.cat(thirds[1:]).mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_running_average_judges_with_the_statistics_of_the_network_that_learns():
    job, _ = clouds(n=120)
    shown: list[Any] = []
    job = dataclasses.replace(job, on_classifier=shown.append)
    states: list[dict[str, torch.Tensor]] = []

    class Spy(Job):
        def checkpoint(self, stage, state):
            assert stage == "ieg"
            states.append({name: value.clone() for name, value in state.model.state_dict().items()})

    ieg.run(Spy(**{field.name: getattr(job, field.name) for field in dataclasses.fields(job)}), SHORT)
    assert [(seen.stage, seen.epoch, seen.epochs) for seen in shown] == [("ieg", n, 6) for n in range(1, 7)]
    last = states[-1]
    assert torch.equal(last["0.layers.1.running_var"], last["1.layers.1.running_var"])
    assert not torch.equal(last["0.layers.0.weight"], last["1.layers.0.weight"])
    (average,) = shown[-1].models
    assert torch.equal(average.state_dict()["layers.0.weight"], last["1.layers.0.weight"])


def test_dropout_is_drawn_again_for_the_exact_look_ahead_only():
    job, _ = clouds(n=40)
    drawn = []
    for options in (dataclasses.replace(SHORT, meta="exact"), SHORT):
        torch.manual_seed(0)
        with ieg._drawn_again(job, options):
            first = torch.rand(1)
        drawn.append(torch.equal(first, torch.rand(1)))
    assert drawn == [True, False]


def test_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr("labelaudit.training.job.compile_", lambda _: pytest.fail("a network was compiled"))
    job, _ = clouds(n=40)
    job = dataclasses.replace(job, train=dataclasses.replace(job.train, compile="yes"))
    assert len(ieg.run(job, dataclasses.replace(SHORT, epochs=1)).losses) == 40


def test_the_learning_rate_restarts_by_step():
    job, _ = clouds(n=120)
    rate = ieg._learning_rate(job, ieg.Options(schedule="restarts", first_cycle_steps=4, peak_lr=0.1), 100)
    assert [rate(step) for step in (0, 2, 4, 10)] == pytest.approx([0.1, 0.05, 0.09, 0.081])
    annealed = ieg._learning_rate(job, dataclasses.replace(SHORT, peak_lr=0.5), 100)  # 4 steps an epoch
    assert annealed(23) == 0.0
    assert max(annealed(step) for step in range(24)) > 0.45


def test_the_published_schedule_ends_with_its_last_whole_cycle():
    published = ieg.PAPER["cifar10"]
    job, _ = clouds(n=40)
    options = ieg.Options(**published.options)
    rate = ieg._learning_rate(job, options, 49_900)
    assert rate(171 * 499 - 1) < 1e-4 < rate(85_500)


@pytest.mark.parametrize(("steps", "epochs"), [(499, 171), (495, 172), (490, 174), (1, 200)])
def test_the_published_schedule_ends_where_its_rate_is_lowest_whatever_the_trusted_samples_take_away(steps, epochs):
    options = ieg.Options(**ieg.PAPER["cifar100"].options)
    assert ieg._epochs(options, steps) == epochs
    assert ieg._epochs(dataclasses.replace(options, schedule="one-cycle"), steps) == 200


@pytest.mark.parametrize("changes", [{"relabels": False}, {"mixes": False}, {"strong_view": "weak"}])
def test_a_part_that_is_left_out_changes_the_loss(changes):
    job, _ = image_job(60, 3)
    job = trusting(job, np.ones(60, dtype=bool))
    short = dataclasses.replace(SHORT, epochs=2)
    whole, part = (ieg.run(job, each).losses for each in (short, dataclasses.replace(short, **changes)))
    assert not np.allclose(whole, part)


def test_a_job_without_trusted_samples_is_refused():
    values, given, _ = blobs(40, 2, rate=0.1)
    job = vector_job(values, given, 2)
    message = r"method 'ieg' needs a trusted set\.\nGive --trusted PATH\."
    with pytest.raises(ConfigError, match=message):
        ieg.run(job, SHORT)
    with pytest.raises(ConfigError, match=message):
        ieg.run(dataclasses.replace(job, trusted=torch.zeros(40, dtype=torch.bool)), SHORT)


def test_nothing_left_to_judge_is_an_error():
    values, given, _ = blobs(40, 2, rate=0.1)
    job = dataclasses.replace(vector_job(values, given, 2), trusted=torch.ones(40, dtype=torch.bool))
    with pytest.raises(ConfigError, match=r"all 40 samples are trusted: nothing is left to judge\."):
        ieg.run(job, SHORT)


def test_classes_without_a_trusted_sample_are_counted_in_a_warning():
    said: list[Any] = []
    job, _ = clouds(n=80, n_classes=4, on_event=said.append)
    labels = job.samples.labels
    job = dataclasses.replace(job, trusted=trusted_of(job) & (labels != 2))
    ieg.run(job, dataclasses.replace(SHORT, epochs=1))
    warnings = [event.text for event in said if isinstance(event, Said)]
    assert warnings == ["1 class of 4 without a trusted sample: such labels will look wrong"]
