"""A training that falls behind its time leaves batches out, and its learning rate comes down all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from labelaudit.core.events import Event, Said
from labelaudit.training.batches import Batch, Samples, VectorInputs
from labelaudit.training.stages import with_recorded
from labelaudit.training.timetable import Timetable
from tests.unit.training.test_job import cross_entropy, job, weights

BATCH, STEPS, EPOCHS = 8, 50, 10


@dataclass
class Clock:
    """A clock that goes on only when a step is taken."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


def samples() -> Samples:
    values = torch.randn(BATCH * STEPS, 5, generator=torch.Generator().manual_seed(0))
    return Samples(VectorInputs(values), torch.arange(len(values)) % 3, BATCH, torch.float32, seed=3)


def trained(time_there: float, costs: Any, **more: Any) -> tuple[Clock, list[Event], list[float], Timetable, Any]:
    """Train ten epochs of fifty steps on a machine whose step n takes costs(n) seconds of a made-up clock."""
    clock, events, rates, taken = Clock(), list[Event](), list[float](), [0]
    timetable = Timetable(clock() + time_there, "60s", now=clock)
    work = job(samples=samples(), timetable=timetable, on_event=events.append, **more)
    work.plan({"a": EPOCHS})
    state = work.new_state("a")

    def loss(model: Any, batch: Batch) -> torch.Tensor:
        clock.seconds += costs(taken[0])
        taken[0] += 1
        return cross_entropy(model, batch)

    def lr_at(step: int) -> float:
        rates.append(1.0 - step / (EPOCHS * STEPS))
        return 0.1 * rates[-1]

    while state.epoch < EPOCHS:
        work.train_epoch("a", state, loss, lr_at, epochs=EPOCHS)
    return clock, events, rates, timetable, state


def test_a_machine_as_fast_as_planned_leaves_nothing_out_and_changes_no_bit():
    clock, events, rates, timetable, state = trained(60.0, lambda _: 0.1)
    assert len(rates) == EPOCHS * STEPS
    assert clock() == pytest.approx(150.0)
    assert timetable.describe() is None
    assert not any(isinstance(event, Said) for event in events)
    plain = job(samples=samples())
    other = plain.new_state("a")
    while other.epoch < EPOCHS:
        plain.train_epoch("a", other, cross_entropy, lambda s: 0.1 * (1.0 - s / (EPOCHS * STEPS)), epochs=EPOCHS)
    assert torch.equal(weights(state.model), weights(other.model))


@pytest.mark.parametrize(
    ("costs", "at_most"),
    [
        (lambda _: 0.3, 1.0),  # three times as slow from the start
        (lambda n: 0.1 if n < 200 else 0.5, 1.0),  # another program comes after 20 s
        (lambda n: 0.5 if n < 40 else 0.1, 1.0),  # it goes
        (lambda n: 0.05 + 0.4 * (n % 7 == 0), 1.0),  # it comes and goes
        (lambda _: 4.0, 100.0),  # nothing helps: one step in twenty
    ],
)
def test_a_slower_machine_keeps_the_time_by_leaving_steps_out(costs, at_most):
    clock, events, rates, timetable, state = trained(60.0, costs)
    assert clock() - 100.0 <= 60.0 + at_most
    assert clock() - 100.0 > 50.0 or timetable.left_out == 0
    assert state.step == EPOCHS * STEPS  # as if all had been taken
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.12
    told = [event.text for event in events if isinstance(event, Said)]
    if timetable.left_out:
        assert len(told) == 1
        assert told[0].startswith("training is slower than it was measured: ")
        assert told[0].endswith("% of the steps from here, to keep --budget 60s")
        percent = round(100 * (1 - len(rates) / (EPOCHS * STEPS)))
        said = f"to keep --budget 60s, {percent} % of the planned training steps were left out"
        assert timetable.describe() == said


def test_every_epoch_takes_a_step_however_late_it_is():
    _, _, rates, timetable, _ = trained(1.0, lambda _: 10.0)
    assert EPOCHS <= len(rates) <= EPOCHS * 5
    assert timetable.left_out > 0.85 * EPOCHS * STEPS * BATCH


def test_what_was_never_recorded_does_not_spoil_the_rest():
    work = job()
    state = work.new_state("a")
    probs = torch.tensor([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]])
    state.tables["recorded"] = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 2.0]])
    expected = torch.tensor([[0.5, 0.25, 0.25], [0.35, 0.1, 0.55]])
    assert torch.allclose(with_recorded(probs, state), expected)
