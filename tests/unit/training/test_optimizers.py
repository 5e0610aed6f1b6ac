"""Our optimisers against torch's classes, step by step."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from labelaudit.core.recipe import TrainSettings
from labelaudit.training.checkpoint import StageState, load_tensors, restore_stage_, save_stage
from labelaudit.training.job import make_optimizer
from labelaudit.training.models import build_image_network

SGD = TrainSettings(optimizer="sgd", weight_decay=5e-4, momentum=0.8, nesterov=True)
PLAIN_SGD = TrainSettings(optimizer="sgd", weight_decay=5e-4, momentum=0.0, nesterov=False)
ADAMW = TrainSettings(optimizer="adamw", weight_decay=0.1)


def network():
    return build_image_network("small", 3, 16, seed=0, stream="a")


def torchs_own(model, settings):
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=0.1,
            momentum=settings.momentum,
            nesterov=settings.nesterov,
            weight_decay=settings.weight_decay,
            fused=True,
        )
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, fused=True)


def train(model, optimizer, *, steps, first=0):
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(20, 3, 16, 16, generator=draw).contiguous(memory_format=torch.channels_last)
    for step in range(first, first + steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 / (step + 1)
        part = slice(4 * step % 16, 4 * step % 16 + 4)
        F.cross_entropy(model(images[part]), torch.arange(4) % 3).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict()


def assert_same(a, b):
    assert list(a) == list(b)
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("settings", [SGD, PLAIN_SGD, ADAMW])
def test_every_step_equals_that_of_torchs_own_class(settings):
    models = [network(), network()]
    ours, theirs = make_optimizer(models[0], settings), torchs_own(models[1], settings)
    for step in range(4):
        assert_same(*(train(m, o, steps=1, first=step) for m, o in zip(models, (ours, theirs), strict=True)))
    for number, state in theirs.state_dict()["state"].items():
        assert_same({k: v for k, v in state.items() if v is not None}, ours.state_dict()["state"].get(number, {}))


@pytest.mark.parametrize("settings", [SGD, ADAMW])
def test_a_checkpoint_goes_on_in_ours_and_in_torchs_own(tmp_path, settings):
    model = network()
    state = StageState(model, make_optimizer(model, settings), epoch=1, step=2)
    train(model, state.optimizer, steps=2)
    save_stage(tmp_path / "a.safetensors", state)
    on = train(model, state.optimizer, steps=2, first=2)
    for make in (make_optimizer, torchs_own):
        again = network()
        resumed = StageState(again, make(again, settings))
        restore_stage_(resumed, *load_tensors(tmp_path / "a.safetensors"), source="a.safetensors")
        assert_same(on, train(again, resumed.optimizer, steps=2, first=2))


def test_parameters_without_a_gradient_stay_as_they_are():
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    model = torch.nn.ParameterList([used, unused])
    optimizer = make_optimizer(model, SGD)
    optimizer.param_groups[0]["lr"] = 0.1
    model[0].sum().backward()
    optimizer.step()
    assert model[0].tolist() != [1.0, 1.0]
    assert model[1].tolist() == [1.0, 1.0]
    optimizer.zero_grad(set_to_none=False)
    assert model[0].grad.tolist() == [0.0, 0.0]


def test_loading_a_state_copies_it():
    model = network()
    optimizer = make_optimizer(model, SGD)
    train(model, optimizer, steps=1)
    kept = optimizer.state_dict()
    before = {number: state["momentum_buffer"].clone() for number, state in kept["state"].items()}
    optimizer.load_state_dict(kept)
    train(model, optimizer, steps=1, first=1)
    assert all(torch.equal(kept["state"][number]["momentum_buffer"], value) for number, value in before.items())


def test_training_does_not_import_the_compiler():
    code = (
        "import sys, torch\n"
        "from labelaudit.core.recipe import TrainSettings\n"
        "from labelaudit.training.job import make_optimizer\n"
        "for name in ('sgd', 'adamw'):\n"
        "    model = torch.nn.Linear(2, 2)\n"
        "    optimizer = make_optimizer(model, TrainSettings(optimizer=name))\n"
        "    model(torch.ones(1, 2)).sum().backward()\n"
        "    optimizer.step()\n"
        "print('torch._dynamo' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
