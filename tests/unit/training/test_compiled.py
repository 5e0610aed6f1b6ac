"""Compiled networks train like the ones they are made from."""

import pytest
import torch
from torch.nn import functional as F

from labelaudit.core.recipe import TrainSettings
from labelaudit.training.batches import Pixels, Samples
from labelaudit.training.compiled import can_compile
from labelaudit.training.job import Job
from labelaudit.training.models import build_image_network
from labelaudit.training.streams import torch_generator

CPU = torch.device("cpu")


def trained(compile_setting):
    """Return the predictions of a network after two short epochs, each with a last batch of another size."""
    pixels = torch.randint(0, 256, (150, 16, 16, 3), generator=torch_generator(0, "pixels")).to(torch.uint8)
    labels = torch.arange(150) % 3
    pixels[..., 0] += (labels * 60).to(torch.uint8)[:, None, None]
    ones = torch.ones(3)
    inputs = Pixels(pixels, 16, ones / 128, -ones, crop_padding=2, flip=True)
    job = Job(
        Samples(inputs, labels, 64, torch.float32, 0),
        3,
        lambda stream: build_image_network("small", 3, 16, seed=0, stream=stream),
        TrainSettings(compile=compile_setting),
        torch.float32,
        0,
    )
    state = job.new_state("stage1")
    for _ in range(2):
        job.train_epoch(
            "stage1",
            state,
            lambda model, batch: F.cross_entropy(model(batch.inputs), batch.labels, reduction="none"),
            lambda _: 0.01,
            epochs=2,
        )
    return job.predict("stage1", state.model, ("plain",)), state.model.state_dict()


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(CPU), reason="no C++ compiler")
def test_a_compiled_network_learns_the_same_up_to_rounding():
    plain, plain_weights = trained("no")
    compiled, weights = trained("yes")
    assert list(weights) == list(plain_weights)
    assert not torch.equal(plain, torch.full_like(plain, 1 / 3))
    torch.testing.assert_close(compiled, plain, atol=2e-3, rtol=0)


def test_without_a_compiler_the_cpu_cannot_compile(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not can_compile(CPU)
