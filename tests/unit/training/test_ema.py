"""Averages of weights against their closed form."""

import torch
from torch import nn

from labelaudit.training.ema import move_average_, start_average
from labelaudit.training.models import MultilayerPerceptron


def networks() -> tuple[nn.Module, nn.Module]:
    return MultilayerPerceptron(4, 3, width=6), MultilayerPerceptron(4, 3, width=6)


def test_an_average_starts_as_a_copy_and_never_gets_gradients():
    model, fresh = networks()
    average = start_average(fresh, model)
    assert average is fresh
    assert all(torch.equal(a, b) for a, b in zip(average.parameters(), model.parameters(), strict=True))
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_moves_add_up_to_the_closed_form():
    model, fresh = networks()
    average = start_average(fresh, model)
    first = [parameter.clone() for parameter in model.parameters()]
    steps = 5
    with torch.no_grad():
        for _ in range(steps):
            for parameter in model.parameters():
                parameter.add_(1.0)
            move_average_(average, model, decay=0.8)
    # a_n = w_0 + sum_k (1 - d) d^(n-k) k
    gained = sum(0.2 * 0.8 ** (steps - k) * k for k in range(1, steps + 1))
    for a, w in zip(average.parameters(), first, strict=True):
        assert torch.allclose(a, w + gained, atol=1e-5)


def test_statistics_of_batch_norm_stay_the_averages_own():
    model, fresh = networks()
    average = start_average(fresh, model)
    model.train()
    model(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)) + 5.0)
    move_average_(average, model, decay=0.5)
    buffers = dict(average.named_buffers())
    assert buffers["layers.1.num_batches_tracked"] == 0
    assert not buffers["layers.1.running_mean"].any()
