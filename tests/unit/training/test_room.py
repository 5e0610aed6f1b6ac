"""Memory that runs out: the batch is halved, and the scan learns the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.events import Event, Said
from labelaudit.training.batches import Batch
from labelaudit.training.job import Job
from labelaudit.training.room import Room
from tests.unit.training.test_job import C, D, N, job, steady, weights


def linear(stream: str) -> nn.Linear:
    """Return a network without batch norm: parts of a batch see what the batch sees."""
    del stream
    torch.manual_seed(5)
    return nn.Linear(D, C)


def short_of(memory: int, network: nn.Module, batch: Batch) -> Tensor:
    """Return logits as a device would that has memory for so many samples."""
    if len(batch.inputs) > memory:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    found: Tensor = network(batch.inputs)
    return found


def learnt(memory: int, **changes: Any) -> tuple[nn.Module, Job, list[Event], Tensor]:
    """Train three epochs on a device with memory for so many samples; return what all epochs saw, too."""
    events: list[Event] = []
    work = job(build_model=linear, room=Room(events.append), on_event=events.append, **changes)
    state = work.new_state("a")
    seen = torch.zeros(N)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = short_of(memory, model, batch)
        seen[batch.row] += 1
        return F.cross_entropy(logits, batch.labels, reduction="none")

    while state.epoch < 3:
        work.train_epoch("a", state, loss, steady, epochs=3)
    return state.model, work, events, seen


@pytest.mark.parametrize(("memory", "parts", "size"), [(4, 2, 4), (3, 4, 2), (2, 4, 2)])
def test_halved_batches_take_the_same_steps(memory, parts, size):
    whole, _, untold, _ = learnt(N)
    halved, work, events, seen = learnt(memory)
    assert torch.allclose(weights(halved), weights(whole), atol=1e-6)
    assert not torch.allclose(weights(halved), weights(linear("a")), atol=1e-2)
    assert work.room.parts == parts
    assert seen.tolist() == [3.0] * N
    texts = [event.text for event in events if isinstance(event, Said)]
    assert texts[-1] == (f"memory ran out: from here batches are computed in {parts} parts, of {size} samples at most")
    assert not any(isinstance(event, Said) for event in untold)


def test_a_device_too_small_for_two_samples_ends_the_scan():
    with pytest.raises(torch.OutOfMemoryError):
        learnt(1)


def test_ranks_that_wait_for_each_other_do_not_halve():
    with pytest.raises(torch.OutOfMemoryError):
        Room(may_change=False).compute(whole_batch(), lambda part: short_of(2, linear("a"), part), lambda: None)


def test_gradients_of_an_attempt_that_failed_are_forgotten():
    network = linear("a")
    attempts = [0]

    def with_gradients(part: Batch) -> Tensor:
        losses = F.cross_entropy(network(part.inputs), part.labels, reduction="none")
        (losses.mean() * part.share).backward()
        attempts[0] += 1
        if attempts[0] == 1:
            raise torch.OutOfMemoryError
        return losses.detach()

    Room().compute(whole_batch(), with_gradients, network.zero_grad)
    found = network.weight.grad
    assert found is not None
    network.zero_grad()
    batch = whole_batch()
    F.cross_entropy(network(batch.inputs), batch.labels).backward()
    assert network.weight.grad is not None
    assert torch.allclose(found, network.weight.grad, atol=1e-7)


def test_predictions_in_parts_are_those_of_whole_batches():
    work = job(build_model=linear)
    network = work.new_network("a")
    expected = work.predict("a", network, ("plain",))

    class Small(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            if len(inputs) > 6:
                raise torch.OutOfMemoryError
            found: Tensor = network(inputs)
            return found

    assert np.allclose(work.predict("a", Small(), ("plain",)), expected, atol=1e-7)
    assert work.room.parts == 4


def whole_batch() -> Batch:
    work = job(build_model=linear)
    index = torch.arange(N)
    return Batch(work.samples.inputs.fetch(index), work.samples.labels, index, index)
