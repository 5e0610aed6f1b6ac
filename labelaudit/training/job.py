"""One scan as a method sees it: samples, settings, random streams, checkpoints, and where to report progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from labelaudit.core.errors import DataError, StopAsked, TrainingError
from labelaudit.core.events import (
    EpochFinished,
    EventSink,
    Said,
    SamplesDone,
    StageFinished,
    StageResumed,
    StageStarted,
    WorkPlanned,
    ignore,
)
from labelaudit.core.recipe import TrainSettings
from labelaudit.training.batch_norm import share_batch_norm
from labelaudit.training.batches import Batch, Samples, View
from labelaudit.training.checkpoint import (
    StageState,
    load_tensors,
    path_before,
    restore_stage_,
    save_stage,
    save_tensors,
)
from labelaudit.training.compiled import compile_, compiling_first, without_compiling
from labelaudit.training.epoch import LossFn, predict, train_epoch
from labelaudit.training.optimizers import Optimizer, make_adamw, make_sgd
from labelaudit.training.pace import Pace
from labelaudit.training.ranks import Ranks
from labelaudit.training.room import Room
from labelaudit.training.streams import global_stream
from labelaudit.training.tables import Tables, own_part, visiting, whole_on_main
from labelaudit.training.timetable import Timetable

_EVENT_EVERY_S = 0.2  # progress events at most this often
_CHECKPOINT_EVERY_S = 20.0  # so that a stopped run loses little and a fast one is not slowed by its disk


@dataclass(frozen=True, slots=True)
class Classifier:
    """What a method has learnt after an epoch of a stage whose networks somebody could go home with."""

    stage: str
    epoch: int  # finished
    epochs: int  # of the stage
    models: tuple[nn.Module, ...]  # the mean of their softmax outputs is the answer


@dataclass(frozen=True, slots=True)
class Targets:
    """What to train on instead of one label a sample, for methods that finish what a scan began."""

    probs: Tensor  # (N, C) rows sum to 1
    fixed: Tensor  # (N,) bool, whose rows stay; training renews the others


@dataclass(frozen=True, slots=True)
class Job:
    """What a method needs to run; it never knows whether a sample is an image, a row or an embedding."""

    samples: Samples
    n_classes: int
    build_model: Callable[[str], nn.Module]  # stream name -> freshly initialised network on the device
    train: TrainSettings
    precision: torch.dtype
    seed: int
    trusted: Tensor | None = None  # (N,) bool, labels that are right by decree; None = none is
    targets: Targets | None = None  # None = the labels are all there is
    vectors: Tensor | None = None  # (N, D) what an encoder makes of every sample; None = the inputs themselves
    checkpoints: Path | None = None  # folder; None = keep nothing
    on_event: EventSink = ignore
    on_classifier: Callable[[Classifier], None] | None = (
        None  # shown the networks after every epoch; None = nobody asks
    )
    stop_at: float = math.inf  # seconds of the monotonic clock; the first epoch that ends later is the last
    pace: Pace | None = None  # chooses the threads anew where the machine gets busy; None = they stay
    timetable: Timetable | None = None  # until when training is to be over; None = it takes its time
    room: Room = field(default_factory=Room)  # in how many parts a batch is computed
    saved: dict[Path, Tables | None] = field(default_factory=dict)  # files; what finished stages left in them
    clock: Progress = field(default_factory=lambda: Progress())

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.samples.labels.device

    @property
    def ranks(self) -> Ranks:
        """Who shares the work."""
        return self.samples.ranks

    @property
    def compiles(self) -> bool:
        """Whether networks are compiled; not where batch norms talk to other ranks."""
        return self.train.compile == "yes" and self.ranks.size == 1

    @property
    def own(self) -> slice:
        """The samples whose rows this rank has: `labels[job.own]` belongs to the rows of a per-sample table."""
        return self.ranks.part

    def gathered(self, values: Tensor) -> Tensor:
        """Return (N, ...) values of all samples in Dataset order, from every rank's values of its own."""
        return self.ranks.gather_by_index(torch.arange(len(self.samples))[self.own], values, len(self.samples))

    def summed(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of every rank's table."""
        if self.ranks.size == 1:
            return table  # as it is: not every device knows float64
        return np.asarray(self.ranks.sum_(torch.from_numpy(table.copy()).to(self.device)).cpu().numpy())

    def plan(self, passes: Mapping[str, int]) -> None:
        """Announce the stages that are still to be run, with their passes over the samples, for the time left."""
        to_run = [(stage, n * len(self.samples)) for stage, n in passes.items() if self.finished(stage) is None]
        self.on_event(WorkPlanned(tuple(to_run)))
        if self.timetable is not None:
            self.timetable.plan(sum(n for _, n in to_run))

    @contextmanager
    def stage(self, name: str, title: str, passes: int) -> Iterator[None]:
        """Report the start and the end of a stage of so many passes over the samples."""
        started = time.monotonic()
        self.clock.restart()
        self.on_event(StageStarted(name, title, passes * len(self.samples)))
        yield
        self.on_event(StageFinished(name, time.monotonic() - started))

    def new_state(self, stage: str, *, networks: int = 1) -> StageState:
        """Return a fresh network with its optimiser; several are the children of one module, and saved together."""
        if networks == 1:
            model = self.new_network(stage)
        else:
            model = nn.ModuleList(self.new_network(f"{stage}/{number}") for number in range(1, networks + 1))
        return StageState(model, make_optimizer(model, self.train))

    def new_network(self, name: str) -> nn.Module:
        """Return a fresh network, the same on every rank; the name draws its weights."""
        model = share_batch_norm(self.build_model(name), self.ranks)
        self.ranks.same_weights_(model)
        if self.compiles:
            compile_(model)
        return model

    def resume(self, stage: str, state: StageState) -> None:
        """Fill the state from the stage's last checkpoint, if there is one; from the one before where it is damaged."""
        if self.checkpoints is not None:
            path = self.checkpoints / f"{stage}.safetensors"
            stored = self._read(path, path_before(path), tables="table/")
            if stored is not None:
                restore_stage_(state, *stored, source=str(path))
                self.clock.samples = state.epoch * len(self.samples)
                self.on_event(StageResumed(stage, self.clock.samples))

    def train_epoch(
        self,
        stage: str,
        state: StageState,
        loss_fn: LossFn,
        lr_at: Callable[[int], float],
        *,
        epochs: int,
        among: Tensor | None = None,
        after_step: Callable[[int], None] | None = None,
    ) -> None:
        """Train the stage's next epoch and count it; a loss that is not a number raises TrainingError.

        Meanwhile `table[batch.row]` are the rows of a batch in the state's tables, before and after those of `job.own`.

        Args:
            stage: name of its random streams.
            state: changed in place.
            loss_fn: (network, batch) -> (B,) nats.
            lr_at: step -> learning rate.
            epochs: of the whole stage, to tell.
            among: (N,) bool, the samples that the epoch goes over; then a batch's `row` means nothing. None is all.
            after_step: as in `training.epoch.train_epoch`.
        """
        epoch = state.epoch + 1
        own_stream = (self.ranks.rank,) if self.ranks.rank else ()  # other samples get other dropout
        batches = self.samples.shuffled(stage, epoch, among=among)
        if self.pace is not None:
            batches = self.pace.watched(batches, stage, epoch, self.on_event)
        weight = 1.0 if among is None else len(self.samples) / max(1, int(among.sum()))  # an epoch counts as a pass
        left_out = 0

        def leave_out(batch: Batch) -> None:
            nonlocal left_out
            left_out += 1
            self._count(stage, round(len(batch.index) / batch.share * weight), epoch, epochs)

        if self.timetable is not None:
            batches = self.timetable.kept(batches, leave_out, self.on_event)
        with (
            visiting(state.tables, self.samples.order(stage, epoch), self.ranks),
            global_stream(self.device, self.seed, "dropout", stage, epoch, *own_stream),
        ):
            state.step, mean_loss = train_epoch(
                state.model,
                compiling_first(batches) if self.compiles else batches,
                loss_fn,
                state.optimizer,
                lambda step: lr_at(step + left_out),
                step=state.step,
                precision=self.precision,
                on_samples=lambda n: self._count(stage, round(n * weight), epoch, epochs),
                after_step=after_step,
                ranks=self.ranks,
                room=self.room,
            )
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"{stage}: the mean loss of epoch {epoch} of {epochs} is {mean_loss}.",
                hint="Lower the learning rate (-o peak_lr=0.03) or train in full precision (-o train.precision=fp32).",
            )
        state.step += left_out
        state.epoch = epoch
        self.on_event(EpochFinished(stage, epoch, epochs, mean_loss))

    def checkpoint(self, stage: str, state: StageState) -> None:
        """Save the stage's state if the last save is long enough ago; stop if it is time to.

        Raises:
            StopAsked: `stop_at` is past; the state is saved.
        """
        stops = time.monotonic() >= self.stop_at
        saves = self.checkpoints is not None and (stops or self.clock.save_is_due())
        stops, saves = self.ranks.from_main([stops, saves])
        if saves and self.checkpoints is not None:
            whole = replace(state, tables=whole_on_main(state.tables, len(self.samples), self.ranks))
            if self.ranks.is_main:
                path = self.checkpoints / f"{stage}.safetensors"
                self._write_anew_what_vanished(but=path)
                save_stage(path, whole)
                self.saved[path] = None
        if stops:
            raise StopAsked

    def show(self, stage: str, epoch: int, epochs: int, *models: nn.Module) -> None:
        """Show the networks after an epoch to whoever tests or keeps them; their weights must stay as they are.

        Networks of several stages are kept together. One that only prepares a later stage is not shown.
        """
        if self.on_classifier is not None:
            self.on_classifier(Classifier(stage, epoch, epochs, models))

    def predict(self, stage: str, model: nn.Module, views: tuple[View, ...], *stream: str | int) -> Tensor:
        """Return (M, C) float32 probabilities of this rank's own M samples, the mean over the views."""
        if not views:
            raise ValueError("predict needs at least one view")
        with without_compiling() if self.compiles else nullcontext():
            total = predict(
                model,
                self.samples.in_order(*views, stream=(stage, *stream)),
                len(self.samples.labels[self.own]),
                precision=self.precision,
                on_samples=lambda done: self._count(stage, done, 0, 0),
                room=self.room,
            )
        return total / len(views)

    def finished(self, stage: str) -> Tables | None:
        """Read the tables that a finished stage left behind; None when it is still to be run."""
        stored = None if self.checkpoints is None else self._read(self._result_path(stage), tables="")
        if stored is not None and self.ranks.size == 1:
            self.saved[self._result_path(stage)] = stored[0]
        return None if stored is None else {name: value.to(self.device) for name, value in stored[0].items()}

    def finish(self, stage: str, result: Tables) -> Tables:
        """Save the per-sample tables that a stage leaves behind, drop its checkpoint, and return them."""
        if self.checkpoints is None:
            return result
        whole = whole_on_main(result, len(self.samples), self.ranks)
        if self.ranks.is_main:
            path = self.checkpoints / f"{stage}.safetensors"
            self._write_anew_what_vanished(but=path)
            self.saved.pop(path, None)
            save_tensors(self._result_path(stage), whole, {})
            self.saved[self._result_path(stage)] = {name: value.detach().cpu() for name, value in whole.items()}
            for each in (path, path_before(path)):
                each.unlink(missing_ok=True)
        return result

    def _write_anew_what_vanished(self, *, but: Path) -> None:
        """Notice files that somebody removed while the stages ran; write those anew whose content is at hand.

        Args:
            but: is about to be written, or not needed any more.
        """
        for path, tables in self.saved.items():
            if not path.exists():
                self.on_event(Said("warning", f"{path} was removed while it is needed to go on: it is written anew"))
                if tables is not None and path != but:
                    save_tensors(path, tables, {})

    def _read(self, *paths: Path, tables: str) -> tuple[dict[str, Tensor], dict[str, int]] | None:
        """Read the first sound file that rank 0 sees, None where there is none; the others need not see its disk.

        A damaged one is said: what the file before it does not have is learnt once more.

        Args:
            *paths: of the files.
            tables: how the names begin of tensors that are per-sample tables, of which each rank gets its rows.
        """
        tensors, counters = self._first_sound(paths) if self.ranks.is_main else ({}, None)
        counters = self.ranks.from_main(counters)
        if counters is None:
            return None
        whole = {name: tensors.pop(name) for name in list(tensors) if name.startswith(tables)}
        return self.ranks.tensors_from_main(tensors) | own_part(whole, self.ranks), counters

    def _first_sound(self, paths: tuple[Path, ...]) -> tuple[dict[str, Tensor], dict[str, int] | None]:
        for path in paths:
            if path.exists():
                try:
                    return load_tensors(path)
                except DataError as error:
                    again = "the stage goes on from an earlier checkpoint, or begins anew"
                    self.on_event(Said("warning", f"{error.problem.rstrip('.')}: {again}"))
        return {}, None

    def _result_path(self, stage: str) -> Path:
        if self.checkpoints is None:
            raise ValueError("this job keeps no checkpoints")
        return self.checkpoints / f"{stage}.result.safetensors"

    def _count(self, stage: str, n: int, epoch: int, epochs: int) -> None:
        if self.timetable is not None:
            self.timetable.count(n)
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


def make_optimizer(model: nn.Module, settings: TrainSettings) -> Optimizer:
    """Return the optimiser of the settings; its learning rate is set before every step.

    AdamW leaves biases and norms out of the weight decay; SGD decays everything, as the published codes do.
    """
    if settings.optimizer == "sgd":
        return make_sgd(
            list(model.parameters()),
            momentum=settings.momentum,
            nesterov=settings.nesterov,
            weight_decay=settings.weight_decay,
        )
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    return make_adamw(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    )
