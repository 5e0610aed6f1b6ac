"""How much of a planned training there is time for: one that falls behind leaves batches out, and says so.

A recipe is fitted to a time before it begins. A machine that turns out slower than it was measured would take longer; a
schedule that is cut off has not annealed, and its losses tell nothing. So the schedule goes on as planned, and of its
batches only as many are taken as there is time for: others in every epoch. Every batch counts for the learning rate,
whether it is taken or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from labelaudit.core.events import EventSink, Said
from labelaudit.training.batches import Batch

_LEAST = 0.05  # of the batches are taken, however late it is: one in twenty
_LOOK_EVERY_S = 1.0
_SLACK = 1.03  # so that noise in the measured rate leaves nothing out
_OLD = 0.5  # weight of the rate so far


@dataclass(slots=True)
class Timetable:
    """What is left to train, until when, and how fast it goes; changed by whoever trains."""

    ends_at: float  # seconds of the clock
    budget: str  # as it was asked for, to tell
    now: Callable[[], float] = time.monotonic
    left: int = 0  # sample passes that are planned and not behind us
    rate: float | None = None  # sample passes that were taken, per second; None = not measured yet
    planned: int = 0  # sample passes of training so far, and how many of them were left out
    left_out: int = 0
    told: bool = field(default=False, init=False)

    def plan(self, samples: int) -> None:
        """Begin with so many sample passes."""
        self.left = samples

    def count(self, samples: int) -> None:
        """Note that some are behind us."""
        self.left -= samples

    def share(self) -> float:
        """Return the share of the coming batches that there is time for."""
        if self.rate is None or self.left <= 0:
            return 1.0
        there = (self.ends_at - self.now()) * self.rate / self.left
        return 1.0 if there * _SLACK >= 1 else max(_LEAST, there)

    def kept(self, batches: Iterator[Batch], skip: Callable[[Batch], None], on_event: EventSink) -> Iterator[Batch]:
        """Yield the batches of an epoch that there is time for, evenly among the others; the first always.

        Args:
            batches: all of them.
            skip: told each batch that is left out.
            on_event: told once, when the first one is.
        """
        taken, since, take, credit = 0, self.now(), self.share(), 1.0
        for batch in batches:
            n = round(len(batch.index) / batch.share)
            self.planned += n
            if credit < 1:
                self.left_out += n
                self._tell(take, on_event)
                skip(batch)
            else:
                credit -= 1
                taken += n
                yield batch
                seconds = self.now() - since
                if seconds >= _LOOK_EVERY_S:
                    self._measure(taken / seconds)
                    taken, since = 0, self.now()
                    take = self.share()
            credit += take
        seconds = self.now() - since
        if taken and seconds > 0 and (self.rate is None or seconds > _LOOK_EVERY_S / 10):
            self._measure(taken / seconds)

    def describe(self) -> str | None:
        """Return how much was left out, as a sentence; None where nothing was."""
        if not self.left_out:
            return None
        percent = 100 * self.left_out / self.planned
        return f"to keep --budget {self.budget}, {percent:.0f} % of the planned training steps were left out"

    def _measure(self, rate: float) -> None:
        self.rate = rate if self.rate is None else _OLD * self.rate + (1 - _OLD) * rate

    def _tell(self, share: float, on_event: EventSink) -> None:
        if not self.told:
            self.told = True
            text = f"training is slower than it was measured: {share:.0%} of the steps from here, to keep --budget"
            on_event(Said("note", f"{text} {self.budget}"))
