"""How long a scan will still take, from its events."""

from __future__ import annotations

import time
from collections.abc import Callable

from labelaudit.core.events import Event, SamplesDone, StageFinished, StageResumed, StageStarted, WorkPlanned


class TimeLeft:
    """Rate and time left of the whole scan, from sample passes planned and done.

    Args:
        now: seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._planned: dict[str, int] = {}
        self._finished = 0  # passes of finished stages
        self._stage = ""
        self._in_stage = 0
        self._skipped = 0  # passes that an earlier run did, in all stages and in this one
        self._skipped_in_stage = 0
        self._started = self._stage_started = now()

    def take(self, event: Event) -> None:
        """Take note of one event."""
        match event:
            case WorkPlanned(stages):
                self._planned, self._finished, self._started = dict(stages), 0, self._now()
            case StageStarted(stage, _, _):
                self._stage, self._in_stage, self._stage_started = stage, 0, self._now()
                self._skipped_in_stage = 0
            case StageResumed(_, samples):
                self._in_stage = self._skipped_in_stage = samples
                self._skipped += samples
            case SamplesDone(_, samples, _, _):
                self._in_stage = samples
            case StageFinished(stage, _):
                self._finished += self._planned.get(stage, 0)
                self._in_stage = 0

    def rate(self) -> float | None:
        """Samples per second in this stage, None before the first are done."""
        done, seconds = self._in_stage - self._skipped_in_stage, self._now() - self._stage_started
        return done / seconds if done and seconds > 0.5 else None

    def left(self) -> float | None:
        """Seconds left of all planned stages, None before it can be told."""
        passed = self._finished + self._in_stage
        done, seconds = passed - self._skipped, self._now() - self._started
        if self._stage not in self._planned or not done or seconds < 1.0:
            return None
        return (sum(self._planned.values()) - passed) * seconds / done
