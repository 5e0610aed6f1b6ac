import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labelaudit.functional.linear_heads import Heads, fit_heads, logits_of_fold, one_cycle

N, D, C, K = 53, 6, 3, 4


def _data(seed=0):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, C, (N,), generator=draw)
    features = torch.randn(N, D, generator=draw, dtype=torch.float64) + F.one_hot(
        labels, D
    )  # Adam's first step is a sign
    return features, labels, torch.randint(0, K, (N,), generator=draw)


def _fit(features, labels, folds, *, q, l2, epochs=6, fold=None, seed=1):
    heads = Heads(
        torch.arange(K) if fold is None else fold,
        torch.tensor(q, dtype=torch.float64),
        torch.tensor(l2, dtype=torch.float64),
    )
    draw = torch.Generator().manual_seed(seed)
    return fit_heads(
        features, labels, n_classes=C, folds=folds, heads=heads, epochs=epochs, generator=draw, batch_size=16
    )


def _obvious(features, labels, folds, *, fold, q, l2, epochs=6, peak=0.01):
    """One head at a time, with torch's own loss gradients, optimiser and schedule."""
    head = nn.Linear(D, C, dtype=torch.float64)
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    optimizer = torch.optim.Adam(head.parameters(), lr=peak)
    steps = epochs * -(-N // 16)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps, cycle_momentum=False)
    draw = torch.Generator().manual_seed(1)
    for _ in range(epochs):
        for rows in torch.randperm(N, generator=draw).split(16):
            taught = rows[folds[rows] != fold]
            own = F.softmax(head(features[taught]), 1).gather(1, labels[taught][:, None]).squeeze(1)
            losses = -own.log() if q == 0 else (1 - own**q) / q
            loss = losses.sum() / max(len(taught), 1) + l2 / 2 * head.weight.square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return torch.cat([head.weight.detach().T, head.bias.detach()[None]])


@pytest.mark.parametrize("q", [0.0, 0.7, 1.0])
def test_heads_side_by_side_are_those_trained_one_after_the_other(q):
    features, labels, folds = _data()
    weights = _fit(features, labels, folds, q=[q] * K, l2=[0.05] * K)
    for fold in range(K):
        torch.testing.assert_close(
            weights[fold], _obvious(features, labels, folds, fold=fold, q=q, l2=0.05), atol=1e-9, rtol=1e-7
        )


def test_a_head_never_learns_from_its_fold():
    features, labels, folds = _data()
    weights = _fit(features, labels, folds, q=[0.7] * K, l2=[0.0] * K)
    other = torch.where(folds == 2, (labels + 1) % C, labels)
    changed = _fit(features, other, folds, q=[0.7] * K, l2=[0.0] * K)
    assert torch.equal(weights[2], changed[2])
    assert not torch.equal(weights[1], changed[1])


def test_logits_come_from_the_head_that_has_not_seen_the_sample():
    features, _labels, folds = _data()
    weights = torch.zeros(K, D + 1, C, dtype=torch.float64)
    weights[:, -1] = torch.arange(K)[:, None]
    assert torch.equal(logits_of_fold(features, folds, weights)[:, 0], folds.double())


def test_the_cycle_is_that_of_torch():
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=37, cycle_momentum=False)
    for step in range(37):
        assert one_cycle(step, 37, 0.4) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
        optimizer.step()
        if step < 36:
            schedule.step()


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_cycle_of_few_steps_has_a_rate_for_each(steps):
    assert all(0 < one_cycle(step, steps, 0.1) <= 0.1 for step in range(steps))
