"""How many threads train, looked at again while they do: beside other programs fewer can be far faster.

The threads of one step wait for each other, so that one which lost its processor to another program holds up all. What
the kernel counts tells when that happens: the time that our threads were ready and got no processor. On a quiet machine
it is nothing, nothing is tried, and the same seed gives the same bytes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from labelaudit.core.events import EventSink, Said, ThreadsTried
from labelaudit.training.batches import Batch

_LOOK_EVERY_S = 1.0
_CROWDED = 0.3  # of our threads without a processor, on average: 0 when quiet, 0.5 to 2 beside one program per core
_CROWDED_LOOKS = 2  # in a row, so that a moment's disturbance changes nothing
_TRIAL_S = 0.5  # for each number of threads
_LEAST_STEPS = 2  # that a rate is told from
_CLEARLY_FASTER = 1.2  # so that noise does not decide
_AGAIN_AFTER_S = 30.0  # with fewer threads: whether the others have gone
_TRIAL_SHARE = 0.05  # of the time, at most, goes into trying


@dataclass(frozen=True, slots=True)
class Machine:
    """What the pace of a training depends on; a test has one of its own."""

    now: Callable[[], float] = time.monotonic  # seconds
    waited: Callable[[], float] = lambda: waited_s() or 0.0  # seconds
    set_threads: Callable[[int], None] = torch.set_num_threads


@dataclass(slots=True)
class Pace:
    """Watches a training, and lets that number of threads work which is fastest."""

    most: int  # threads of a quiet machine
    machine: Machine = field(default_factory=Machine)
    threads: int = 0  # that work now
    look_again_at: float = 0.0  # seconds of the machine's clock
    crowded: int = 0  # looks in a row
    samples: int = 0  # since the last look
    steps: int = 0
    since: float = 0.0
    waited: float = 0.0
    rates: dict[int, float] = field(default_factory=dict)  # of the trial that is going on: threads -> samples/s
    untried: list[int] = field(default_factory=list)
    trial_began: float = 0.0

    def __post_init__(self) -> None:
        """Begin with all threads."""
        self.threads = self.most

    def watched(self, batches: Iterator[Batch], stage: str, epoch: int, on_event: EventSink) -> Iterator[Batch]:
        """Yield the batches of an epoch, and look from time to time how fast they are taken."""
        self._start_over()
        for batch in batches:
            yield batch
            tried = self._after_step(round(len(batch.index) / batch.share))
            if tried is not None:
                _tell(tried, self.threads, stage, epoch, on_event)
        self._end_trial()

    def end(self) -> None:
        """Give the process its threads back."""
        if self.threads != self.most:
            self.machine.set_threads(self.most)

    def _after_step(self, n: int) -> Mapping[int, float] | None:
        """Count a step; return the rates of a trial that ends with it."""
        self.samples += n
        self.steps += 1
        seconds = self.machine.now() - self.since
        if self.steps < _LEAST_STEPS or seconds < (_TRIAL_S if self.untried else _LOOK_EVERY_S):
            return None
        rate = self.samples / seconds
        if self.untried:
            self.rates[self.untried.pop(0)] = rate
        else:
            is_crowded = (self.machine.waited() - self.waited) / seconds > _CROWDED
            self.crowded = self.crowded + 1 if is_crowded else 0
            if self._trial_is_due():
                self.rates, self.untried = {self.threads: rate}, [n for n in _halves(self.most) if n != self.threads]
                self.trial_began = self.machine.now()
        done = None
        if self.rates and not self.untried:
            done = self._choose()
        elif self.untried:
            self.machine.set_threads(self.untried[0])
        self._start_over()
        return done

    def _trial_is_due(self) -> bool:
        if self.most == 1 or self.machine.now() < self.look_again_at:
            return False
        return self.crowded >= _CROWDED_LOOKS or self.threads < self.most

    def _choose(self) -> Mapping[int, float]:
        """End the trial with the fastest number of threads."""
        tried, now = self.rates, self.machine.now()
        fastest = max(tried, key=lambda n: tried[n])
        self.threads = fastest if tried[fastest] > _CLEARLY_FASTER * tried[self.threads] else self.threads
        self.machine.set_threads(self.threads)
        self.rates, self.crowded = {}, 0
        self.look_again_at = now + max(_AGAIN_AFTER_S, (now - self.trial_began) / _TRIAL_SHARE)
        return tried

    def _end_trial(self) -> None:
        """Leave a trial that an epoch's end cut off."""
        if self.untried:
            self.rates, self.untried = {}, []
            self.machine.set_threads(self.threads)

    def _start_over(self) -> None:
        self.samples = self.steps = 0
        self.since, self.waited = self.machine.now(), self.machine.waited()


def pace_for(threads: int, *, is_alone: bool, device: torch.device) -> Pace | None:
    """Return what watches a training; None where threads are the user's own choice, or nothing can be seen or gained.

    Args:
        threads: that the recipe names; 0 = it leaves them open.
        is_alone: whether no other rank shares the work.
        device: where the networks are.
    """
    is_ours = not threads and not any(os.environ.get(name) for name in _OWN_SETTINGS)
    can_change = is_alone and device.type == "cpu" and torch.get_num_threads() > 1
    return Pace(torch.get_num_threads()) if is_ours and can_change and waited_s() is not None else None


_OWN_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def waited_s() -> float | None:
    """Return how long the threads of this process were ready and got no processor; None where it is not told.

    Source: Linux, Documentation/scheduler/sched-stats.rst: the second number of schedstat, nanoseconds.
    """
    told = []
    for file in Path("/proc/self/task").glob("*/schedstat"):
        try:
            told.append(int(file.read_text().split()[1]))
        except OSError:  # the thread has ended
            continue
    return sum(told) / 1e9 if told else None


def _halves(most: int) -> list[int]:
    """Return the numbers of threads to try: all, half of them, and so on down to one."""
    return [most >> n for n in range(most.bit_length())]


def _tell(rates: Mapping[int, float], threads: int, stage: str, epoch: int, on_event: EventSink) -> None:
    was = next(iter(rates))  # the first that a trial has
    rounded = {n: round(rate, 1) for n, rate in rates.items()}
    on_event(ThreadsTried(stage, epoch, was, threads, rounded))
    if threads == was:
        return
    why = "other programs take processors away" if threads < was else "processors are free again"
    words = f"{threads} instead of {was} threads from here: {why}"
    on_event(Said("note", f"{words} ({rates[was]:,.0f} samples/s before, {rates[threads]:,.0f} now)"))
