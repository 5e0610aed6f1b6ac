"""One scan as a method sees it: samples, settings, random streams, checkpoints, and where to report progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from labelaudit.core.errors import StopAsked, TrainingError
from labelaudit.core.events import (
    EpochFinished,
    EventSink,
    SamplesDone,
    StageFinished,
    StageStarted,
    WorkPlanned,
    ignore,
)
from labelaudit.core.recipe import TrainSettings
from labelaudit.training.batches import Samples, View
from labelaudit.training.checkpoint import StageState, load_stage, load_tensors, save_stage, save_tensors
from labelaudit.training.epoch import LossFn, predict, train_epoch
from labelaudit.training.streams import global_stream

_EVENT_EVERY_S = 0.2  # progress events at most this often
_CHECKPOINT_EVERY_S = 20.0  # so that a stopped run loses little and a fast one is not slowed by its disk


@dataclass(frozen=True, slots=True)
class Job:
    """What a method needs to run; it never knows whether a sample is an image, a row or an embedding."""

    samples: Samples
    n_classes: int
    build_model: Callable[[str], nn.Module]  # stream name -> freshly initialised network on the device
    train: TrainSettings
    precision: torch.dtype
    seed: int
    checkpoints: Path | None = None  # folder; None = keep nothing
    on_event: EventSink = ignore
    stop_at: float = math.inf  # seconds of the monotonic clock; the first epoch that ends later is the last
    clock: Progress = field(default_factory=lambda: Progress())

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.samples.labels.device

    def plan(self, passes: Mapping[str, int]) -> None:
        """Announce the stages that are still to be run, with their passes over the samples, for the time left."""
        to_run = [(stage, n * len(self.samples)) for stage, n in passes.items() if self.finished(stage) is None]
        self.on_event(WorkPlanned(tuple(to_run)))

    @contextmanager
    def stage(self, name: str, title: str, passes: int) -> Iterator[None]:
        """Report the start and the end of a stage of so many passes over the samples."""
        started = time.monotonic()
        self.clock.restart()
        self.on_event(StageStarted(name, title, passes * len(self.samples)))
        yield
        self.on_event(StageFinished(name, time.monotonic() - started))

    def new_state(self, stage: str) -> StageState:
        """Return a fresh network with its optimiser."""
        model = self.build_model(stage)
        return StageState(model, make_optimizer(model, self.train))

    def resume(self, stage: str, state: StageState) -> None:
        """Fill the state from the stage's last checkpoint, if there is one."""
        if self.checkpoints is not None:
            load_stage(self.checkpoints / f"{stage}.safetensors", state)

    def train_epoch(
        self, stage: str, state: StageState, loss_fn: LossFn, lr_at: Callable[[int], float], *, epochs: int
    ) -> None:
        """Train the stage's next epoch and count it; a loss that is not a number raises TrainingError."""
        epoch = state.epoch + 1
        with global_stream(self.device, self.seed, "dropout", stage, epoch):
            state.step, mean_loss = train_epoch(
                state.model,
                self.samples.shuffled(stage, epoch),
                loss_fn,
                state.optimizer,
                lr_at,
                step=state.step,
                precision=self.precision,
                on_samples=lambda n: self._count(stage, n, epoch, epochs),
            )
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"{stage}: the mean loss of epoch {epoch} of {epochs} is {mean_loss}.",
                hint="Lower the learning rate (-o peak_lr=0.03) or train in full precision (-o train.precision=fp32).",
            )
        state.epoch = epoch
        self.on_event(EpochFinished(stage, epoch, epochs, mean_loss))

    def checkpoint(self, stage: str, state: StageState) -> None:
        """Save the stage's state if the last save is long enough ago; stop if it is time to.

        Raises:
            StopAsked: `stop_at` is past; the state is saved.
        """
        stops = time.monotonic() >= self.stop_at
        if self.checkpoints is not None and (stops or self.clock.save_is_due()):
            save_stage(self.checkpoints / f"{stage}.safetensors", state)
        if stops:
            raise StopAsked

    def predict(self, stage: str, model: nn.Module, views: tuple[View, ...], *stream: str | int) -> Tensor:
        """Return (N, C) float32 probabilities, the mean over the views."""
        n = len(self.samples)
        total: Tensor | None = None
        for view in views:
            probs = predict(
                model,
                self.samples.in_order(view, stage, *stream),
                n,
                precision=self.precision,
                on_samples=lambda done: self._count(stage, done, 0, 0),
            )
            total = probs if total is None else total + probs
        if total is None:
            raise ValueError("predict needs at least one view")
        return total / len(views)

    def finished(self, stage: str) -> dict[str, Tensor] | None:
        """Return what a finished stage left behind, None when it is still to be run."""
        if self.checkpoints is None or not self._result_path(stage).exists():
            return None
        tensors, _ = load_tensors(self._result_path(stage))
        return {name: value.to(self.device) for name, value in tensors.items()}

    def finish(self, stage: str, result: dict[str, Tensor]) -> dict[str, Tensor]:
        """Save what a stage leaves behind, drop its checkpoint, and return the result."""
        if self.checkpoints is not None:
            save_tensors(self._result_path(stage), result, {})
            (self.checkpoints / f"{stage}.safetensors").unlink(missing_ok=True)
        return result

    def _result_path(self, stage: str) -> Path:
        if self.checkpoints is None:
            raise ValueError("this job keeps no checkpoints")
        return self.checkpoints / f"{stage}.result.safetensors"

    def _count(self, stage: str, n: int, epoch: int, epochs: int) -> None:
        done = self.clock.count(n)
        if done is not None:
            self.on_event(SamplesDone(stage, done, epoch, epochs))


@dataclass
class Progress:
    """Counts samples and says when it is time to tell or to save."""

    samples: int = 0  # in this stage
    told_at: float = 0.0  # seconds, monotonic
    saved_at: float = field(default_factory=time.monotonic)

    def restart(self) -> None:
        """Begin a stage."""
        self.samples = 0

    def count(self, n: int) -> int | None:
        """Add n samples; return the total when it is time to tell it."""
        self.samples += n
        now = time.monotonic()
        if now - self.told_at < _EVENT_EVERY_S:
            return None
        self.told_at = now
        return self.samples

    def save_is_due(self) -> bool:
        """Whether the last save is long ago; counts as a save when it is."""
        now = time.monotonic()
        if now - self.saved_at < _CHECKPOINT_EVERY_S:
            return False
        self.saved_at = now
        return True


def make_optimizer(model: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Return the optimiser of the settings; its learning rate is set before every step.

    AdamW leaves biases and norms out of the weight decay; SGD decays everything, as the published codes do.
    """
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=0.1,
            momentum=settings.momentum,
            nesterov=settings.nesterov,
            weight_decay=settings.weight_decay,
            fused=True,
        )
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.1, fused=True)
