"""What a scan says while it runs. The core emits events; only `cli/` turns them into text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Said:
    """One line for the user: a choice that was made, or a warning."""

    level: Literal["note", "warning"]
    text: str


@dataclass(frozen=True, slots=True)
class WorkPlanned:
    """The stages to come, so that a time left can be told for the whole scan."""

    stages: tuple[tuple[str, int], ...]  # (name, sample passes)


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins."""

    stage: str
    title: str  # for people
    samples: int  # sample passes in this stage


@dataclass(frozen=True, slots=True)
class StageResumed:
    """The stage goes on where an earlier run stopped."""

    stage: str
    samples: int  # sample passes of this stage that lie behind already


@dataclass(frozen=True, slots=True)
class SamplesDone:
    """Some more sample passes are behind us; at most a few events a second."""

    stage: str
    samples: int  # in total in this stage
    epoch: int = 0  # 1-based; 0 where there are no epochs
    epochs: int = 0


@dataclass(frozen=True, slots=True)
class EpochFinished:
    """One epoch of training is over."""

    stage: str
    epoch: int  # 1-based
    epochs: int
    mean_loss: float  # nats per sample


@dataclass(frozen=True, slots=True)
class EpochTested:
    """The networks of an epoch were tested on data that nothing was learnt from."""

    stage: str
    epoch: int  # 1-based
    epochs: int
    accuracy: float  # 0 to 1


@dataclass(frozen=True, slots=True)
class ThreadsTried:
    """The machine was busy, so the threads were chosen anew in the middle of an epoch."""

    stage: str
    epoch: int  # 1-based
    was: int  # threads before
    threads: int  # from now on; maybe the same
    rates: Mapping[int, float]  # number of threads -> samples/s


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage is complete."""

    stage: str
    seconds: float


Event = (
    Said
    | WorkPlanned
    | StageStarted
    | StageResumed
    | SamplesDone
    | EpochFinished
    | EpochTested
    | ThreadsTried
    | StageFinished
)
EventSink = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take an event and do nothing."""


def event_record(event: Event) -> dict[str, Any]:
    """Return an event as a JSON-ready dict with its name under "event"."""
    return {"event": type(event).__name__, **asdict(event)}
