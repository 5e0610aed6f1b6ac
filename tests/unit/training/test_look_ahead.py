"""IEG's gradients by one forward-mode pass, against the graph of second order and finite differences, in float64."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from labelaudit.functional.meta_weights import label_gradients, weight_gradients
from labelaudit.training import look_ahead
from labelaudit.training.look_ahead import LookAhead, exact_tangents, features_seen, last_layer, last_layer_tangents

B, T, C, SHARE, STEP = 6, 5, 3, 0.9, LookAhead(lr=0.1, momentum=0.9, weight_decay=5e-4)


@pytest.fixture
def toy():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 7), nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, C)).double()
    given = F.one_hot(torch.arange(B) % C, C).double()
    return {
        "model": model,
        "inputs": torch.randn(B, 4).double(),
        "given": given,
        "pseudo": torch.softmax(torch.randn(B, C).double(), dim=1),
        "trusted": torch.randn(T, 4).double(),
        "labels": torch.arange(T) % C,
        "velocities": {name: torch.randn_like(value) for name, value in model.named_parameters()},
    }


def trusted_loss(toy, weights, shares, *, create_graph=False, only=None):
    """Return the trusted loss after a look-ahead, written as the paper writes it."""
    model = copy.deepcopy(toy["model"])
    params = dict(model.named_parameters())
    targets = shares[:, None] * toy["given"] + (1 - shares[:, None]) * toy["pseudo"]
    losses = -(targets * torch.log_softmax(model(toy["inputs"]), dim=1)).sum(dim=1)
    total = (weights * losses).sum() + STEP.weight_decay / 2 * sum(value.square().sum() for value in params.values())
    gradients = torch.autograd.grad(total, list(params.values()), create_graph=create_graph)
    ahead = {
        name: value - STEP.lr * (STEP.momentum * toy["velocities"][name] + gradient) * (only is None or name in only)
        for (name, value), gradient in zip(params.items(), gradients, strict=True)
    }
    decay = sum(value.square().sum() for name, value in ahead.items() if only is None or name in only)
    return (
        F.cross_entropy(functional_call(model, ahead, (toy["trusted"],)), toy["labels"]) + STEP.weight_decay / 2 * decay
    )


def by_second_order(toy, only=None):
    weights = torch.full((B,), 1 / B).double().requires_grad_()
    shares = torch.full((B,), SHARE).double().requires_grad_()
    return torch.autograd.grad(trusted_loss(toy, weights, shares, create_graph=True, only=only), [weights, shares])


def gradients_of(toy, tangents):
    targets = SHARE * toy["given"] + (1 - SHARE) * toy["pseudo"]
    return (
        weight_gradients(targets, tangents, lr=STEP.lr),
        label_gradients(toy["given"], toy["pseudo"], tangents, lr=STEP.lr, weight=1 / B),
    )


def by_one_forward_mode_pass(toy):
    targets = SHARE * toy["given"] + (1 - SHARE) * toy["pseudo"]
    model = toy["model"]
    tangents = exact_tangents(
        model,
        toy["inputs"],
        model(toy["inputs"]),
        targets,
        toy["trusted"],
        toy["labels"],
        step=STEP,
        velocities=toy["velocities"],
    )
    return gradients_of(toy, tangents)


def test_one_forward_mode_pass_gives_the_gradients_of_the_second_order_graph(toy):
    for fast, slow in zip(by_one_forward_mode_pass(toy), by_second_order(toy), strict=True):
        assert slow.abs().max() > 1e-4
        assert torch.allclose(fast, slow, rtol=1e-6, atol=1e-10)


def test_one_forward_mode_pass_agrees_with_finite_differences(toy):
    for_weights, for_shares = by_one_forward_mode_pass(toy)
    weights, shares, eps = torch.full((B,), 1 / B).double(), torch.full((B,), SHARE).double(), 1e-5
    for sample in range(B):
        nudge = eps * F.one_hot(torch.tensor(sample), B)
        by_weight = trusted_loss(toy, weights + nudge, shares) - trusted_loss(toy, weights - nudge, shares)
        by_share = trusted_loss(toy, weights, shares + nudge) - trusted_loss(toy, weights, shares - nudge)
        assert by_weight.item() / (2 * eps) == pytest.approx(for_weights[sample].item(), rel=1e-5, abs=1e-9)
        assert by_share.item() / (2 * eps) == pytest.approx(for_shares[sample].item(), rel=1e-5, abs=1e-9)


def test_the_last_layers_closed_form_is_the_second_order_graph_of_that_layer(toy):
    model = toy["model"]
    with features_seen(model) as seen:
        model(toy["inputs"])
        model(toy["trusted"])
    features, trusted_features = model[:3](toy["inputs"]).detach(), model[:3](toy["trusted"]).detach()
    assert torch.allclose(seen[0].double(), features, atol=1e-6)
    assert torch.allclose(seen[1].double(), trusted_features, atol=1e-6)
    targets = SHARE * toy["given"] + (1 - SHARE) * toy["pseudo"]
    velocities = toy["velocities"]["3.weight"], toy["velocities"]["3.bias"]
    tangents = last_layer_tangents(
        model[3], features, targets, trusted_features, toy["labels"], step=STEP, velocities=velocities
    )
    slow = by_second_order(toy, only={"3.weight", "3.bias"})
    for closed, graph in zip(gradients_of(toy, tangents), slow, strict=True):
        assert graph.abs().max() > 1e-5
        assert torch.allclose(closed, graph, rtol=1e-6, atol=1e-10)


def test_the_last_layer_is_the_last_linear_one_and_nothing_is_left_behind(toy):
    assert last_layer(toy["model"]) is toy["model"][3]
    with features_seen(toy["model"]) as seen:
        pass
    toy["model"](toy["inputs"])
    assert seen == []


def test_looking_ahead_moves_neither_the_running_statistics_nor_the_gradients(toy):
    model = toy["model"]
    logits = model(toy["inputs"])
    before = copy.deepcopy(model.state_dict())
    targets = toy["given"]
    exact_tangents(model, toy["inputs"], logits, targets, toy["trusted"], toy["labels"], step=STEP, velocities={})
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_central_difference_of_several_ranks_is_the_forward_mode_derivative(toy):
    model = toy["model"]
    params = {name: value.detach() for name, value in model.named_parameters()}
    direction = {name: torch.randn_like(value) for name, value in params.items()}
    before = {name: value.clone() for name, value in model.named_buffers()}
    logits, tangents = look_ahead._central_difference(model, params, direction, toy["inputs"])
    exact = torch.func.jvp(
        lambda at: functional_call(model, at | look_ahead._copied_buffers(model), (toy["inputs"],)),
        (params,),
        (direction,),
    )
    assert torch.allclose(logits, exact[0], rtol=1e-3, atol=1e-3)
    assert torch.allclose(tangents, exact[1], rtol=1e-3, atol=1e-3)
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
