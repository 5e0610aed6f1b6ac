from collections.abc import Iterator
from typing import Any

import pytest
import torch

from labelaudit.core.events import Said, ThreadsTried
from labelaudit.training.batches import Batch
from labelaudit.training.pace import Machine, Pace, pace_for, waited_s

QUIET, BUSY = {1: 2_700.0, 2: 4_700.0}, {1: 1_800.0, 2: 61.0}  # samples/s of so many threads


class MadeUpMachine:
    """A machine with a clock of its own, on which so many threads train so fast."""

    def __init__(self, rates: dict[int, float], waiting: float = 0.0) -> None:
        self.rates, self.waiting = rates, waiting  # of our threads, on average
        self.seconds = self.waited = 0.0
        self.threads = max(rates)
        self.used: list[int] = []  # threads of every step

    def machine(self) -> Machine:
        return Machine(now=lambda: self.seconds, waited=lambda: self.waited, set_threads=self.set_threads)

    def set_threads(self, n: int) -> None:
        self.threads = n

    def steps(self, n: int) -> Iterator[Batch]:
        index = torch.arange(100)
        for _ in range(n):
            yield Batch(index, index, index, index)
            self.used.append(self.threads)  # the step is over when the next batch is asked for
            self.seconds += 100 / self.rates[self.threads]
            self.waited += self.waiting * 100 / self.rates[self.threads]

    def become(self, rates: dict[int, float], waiting: float) -> None:
        self.rates, self.waiting = rates, waiting


def epoch(pace: Pace, machine: MadeUpMachine, steps: int) -> list[Any]:
    said: list[Any] = []
    list(pace.watched(machine.steps(steps), "panel", 1, said.append))
    return said


def test_a_quiet_machine_keeps_its_threads_and_tries_nothing():
    machine = MadeUpMachine(QUIET, waiting=0.05)
    assert epoch(Pace(2, machine.machine()), machine, 10_000) == []
    assert set(machine.used) == {2}


def test_a_slower_epoch_of_a_quiet_machine_is_no_reason_to_try():
    machine = MadeUpMachine(QUIET)
    pace = Pace(2, machine.machine())
    epoch(pace, machine, 1_000)
    machine.become({1: 400.0, 2: 900.0}, waiting=0.0)  # a method whose later epochs compute more
    assert epoch(pace, machine, 1_000) == []


def test_threads_go_down_when_others_come_and_up_when_they_leave():
    machine = MadeUpMachine(QUIET)
    pace = Pace(2, machine.machine())
    epoch(pace, machine, 100)
    machine.become(BUSY, waiting=1.0)
    tried, said = epoch(pace, machine, 400)
    assert tried == ThreadsTried("panel", 1, was=2, threads=1, rates={2: 61.0, 1: 1_800.0})
    assert said == Said(
        "note",
        "1 instead of 2 threads from here: other programs take processors away (61 samples/s before, 1,800 now)",
    )
    assert machine.threads == 1
    assert machine.used[100:].count(2) < 10  # the steps that it takes to see and to try
    machine.become(QUIET, waiting=0.0)
    back, _ = epoch(pace, machine, 5_000)
    assert (back.was, back.threads, back.rates) == (1, 2, {1: 2_700.0, 2: 4_700.0})
    assert machine.threads == 2


def test_trying_again_takes_a_small_share_of_the_time():
    machine = MadeUpMachine(BUSY, waiting=1.0)
    pace = Pace(2, machine.machine())
    epoch(pace, machine, 20_000)
    by_two = sum(100 / BUSY[2] for threads in machine.used[20:] if threads == 2)
    assert 0 < by_two < 0.06 * machine.seconds


def test_of_many_threads_the_fastest_number_works():
    machine = MadeUpMachine({16: 300.0, 8: 900.0, 4: 2_000.0, 2: 1_200.0, 1: 700.0}, waiting=4.0)
    (tried, _) = epoch(Pace(16, machine.machine()), machine, 300)
    assert (tried.threads, sorted(tried.rates)) == (4, [1, 2, 4, 8, 16])


def test_where_fewer_are_not_clearly_faster_all_stay_and_the_trial_is_told():
    machine = MadeUpMachine({2: 1_000.0, 1: 1_100.0}, waiting=1.0)
    (tried,) = epoch(Pace(2, machine.machine()), machine, 100)
    assert (tried.was, tried.threads) == (2, 2)
    assert machine.threads == 2


def test_an_epoch_that_ends_in_a_trial_leaves_the_threads_as_they_were():
    machine = MadeUpMachine({2: 100.0, 1: 100.0}, waiting=1.0)
    pace = Pace(2, machine.machine())
    assert epoch(pace, machine, 5) == []
    assert 1 in machine.used
    assert machine.threads == 2


def test_the_process_gets_its_threads_back():
    machine = MadeUpMachine(BUSY, waiting=1.0)
    pace = Pace(2, machine.machine())
    epoch(pace, machine, 100)
    assert machine.threads == 1
    pace.end()
    assert machine.threads == 2


@pytest.mark.skipif(waited_s() is None, reason="the system does not tell")
def test_settings_of_the_user_are_never_overridden(monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    cpu = torch.device("cpu")
    pace = pace_for(0, is_alone=True, device=cpu)
    assert pace is not None
    assert pace.most == 4
    assert pace_for(2, is_alone=True, device=cpu) is None
    assert pace_for(0, is_alone=False, device=cpu) is None
    assert pace_for(0, is_alone=True, device=torch.device("cuda")) is None
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert pace_for(0, is_alone=True, device=cpu) is None


@pytest.mark.skipif(waited_s() is None, reason="the system does not tell")
def test_waiting_for_a_processor_only_grows():
    first, second = waited_s(), waited_s()
    assert first is not None
    assert second is not None
    assert 0 <= first <= second
