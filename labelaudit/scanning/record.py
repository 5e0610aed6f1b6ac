"""What a scan or a training writes about itself: how it began, what it said, its networks, and how it ended."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from filelock import FileLock, Timeout

from labelaudit.core.dataset import Probabilities, Texts, Vectors
from labelaudit.core.errors import DataError, LabelAuditError, StopAsked, is_disk_full
from labelaudit.core.events import (
    EpochFinished,
    Event,
    EventSink,
    Said,
    SamplesDone,
    StageFinished,
    StageStarted,
    ThreadsTried,
    event_record,
)
from labelaudit.core.files import own_path, plain
from labelaudit.core.model_facts import ModelFacts
from labelaudit.core.runs import now
from labelaudit.core.several import several_facts
from labelaudit.core.version import VERSION
from labelaudit.methods.registry import leans_on_trusted
from labelaudit.scanning.learn import precision_for
from labelaudit.scanning.load import Loaded
from labelaudit.scanning.request import Prepared
from labelaudit.training.batches import VectorInputs
from labelaudit.training.device import DeviceLost, describe_device, lost_device
from labelaudit.training.kept_networks import KeptNetworks
from labelaudit.training.model_file import MODEL_NAME, StoredModel, write_model
from labelaudit.training.ranks import RankLost, Ranks


def opening_facts(source: Path | str, prepared: Prepared, ranks: Ranks) -> dict[str, Any]:
    """Return what audit.json says from the start."""
    dataset, several = prepared.dataset, prepared.dataset.samples.several
    return {
        "source": str(source),
        "recipe": prepared.recipe.to_dict(),
        "why": prepared.why,
        "seed": prepared.recipe.seed,
        "leans_on_trusted": leans_on_trusted(prepared.recipe.method),
        "device": describe_device(prepared.device),
        "dataset": {
            "kind": dataset.kind,
            "samples": len(dataset),
            "classes": list(dataset.classes),
            "split": dataset.split,
            "set_aside": len(dataset.set_aside),
            **({} if several is None else {"several": several_facts(several)}),
        },
        "annotators": None if dataset.annotators is None else dataset.annotators.facts(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),  # importing it takes a second
            "numpy": np.__version__,
        },
        "threads": torch.get_num_threads(),
        **ranks_fact(ranks),
    }


def ranks_fact(ranks: Ranks) -> dict[str, Any]:
    """Return who works on the scan, for audit.json; nothing for a process alone."""
    return {"ranks": {"size": ranks.size, "launch": ranks.launch}} if ranks.launch else {}


def peak_memory_mib() -> int | None:
    """Return the most memory this process has held, None where the system does not tell (Windows)."""
    if sys.platform == "win32":
        return None
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there counts the program that started this one
        return round(int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (2**20 if sys.platform == "darwin" else 2**10))  # bytes on macOS, KiB elsewhere


def model_facts(
    loaded: Loaded,
    prepared: Prepared,
    n_networks: int,
    *,
    labels: str,
    fingerprint: str,
    metrics: Mapping[str, Any] | None = None,
) -> ModelFacts:
    """Return what there is to say of networks that learn from loaded samples.

    Args:
        loaded: what they learn from.
        prepared: how.
        n_networks: how many there are.
        labels: which labels: given, suggested, soft or split.
        fingerprint: of the dataset as it was read.
        metrics: how well they do.
    """
    dataset, recipe, inputs = loaded.dataset, prepared.recipe, loaded.inputs
    content = dataset.content
    if inputs is None or isinstance(content, Probabilities | Texts):
        raise ValueError(f"{content.kind} train no network")
    return ModelFacts(
        classes=dataset.classes,
        kind=content.kind,
        backbone=recipe.model.backbone,
        networks=n_networks,
        n_inputs=inputs.values.shape[1] if isinstance(inputs, VectorInputs) else 0,
        images=loaded.images,
        columns=content.columns if isinstance(content, Vectors) else (),
        frozen=loaded.frozen is not None,
        precision="bf16" if precision_for(inputs, recipe, prepared.device) == torch.bfloat16 else "fp32",
        method=recipe.method,
        labels=labels,
        source=str(dataset.source),
        samples=len(dataset),
        fingerprint=fingerprint,
        recipe=plain(recipe.to_dict()),
        metrics=metrics or {},
        made=now(),
        labelaudit=VERSION,
    )


def write_judges(
    folder: Path, kept: KeptNetworks, loaded: Loaded, prepared: Prepared, *, fingerprint: str
) -> Path | None:
    """Write the networks that a scan judged with, of all its stages; None where its method showed none."""
    networks = kept.every()
    if not networks or isinstance(loaded.dataset.content, Texts):  # whose vectors are made of all texts together
        return None
    facts = model_facts(loaded, prepared, len(networks), labels="given", fingerprint=fingerprint)
    write_model(folder / MODEL_NAME, StoredModel(facts, networks, loaded.frozen))
    return folder / MODEL_NAME


class Record(Protocol):
    """What keeps an account of itself on disk: an audit, or a training."""

    path: Path

    @property
    def meta(self) -> dict[str, Any]:
        """What it says of itself now."""

    def update(self, **facts: Any) -> None:
        """Change that."""

    def append_event(self, record: Mapping[str, Any]) -> None:
        """Add an event."""

    def interrupt(self, text: str) -> None:
        """Note that it was stopped and can go on."""

    def fail(self, text: str) -> None:
        """Note that it ended with an error."""


@dataclass
class AuditLog:
    """Passes events on, and keeps those that belong in the audit."""

    audit: Record
    on_event: EventSink
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    place: str = "reading the data"

    def __call__(self, event: Event) -> None:
        """Note one event and pass it on."""
        if isinstance(event, Said) and event.level == "warning":
            self.warnings.append(event.text)
        if isinstance(event, StageStarted):
            self.place = event.title
        if isinstance(event, EpochFinished):
            self.place = f"{event.stage}, after epoch {event.epoch} of {event.epochs}"
        if isinstance(event, StageFinished):
            self.seconds[event.stage] = round(event.seconds, 3)
            self.audit.update(stage_seconds=self.seconds)  # so that a resumed scan knows what came before
        if isinstance(event, ThreadsTried):
            before = self.audit.meta.get("threads_tried", [])
            self.audit.update(threads_tried=[*before, event_record(event)])  # findings depend on them, in the last bits
        if not isinstance(event, SamplesDone):
            self.audit.append_event(event_record(event))
        self.on_event(event)


_LOCK = "lock"  # held while a scan works on its audit; the operating system lets it go when a process dies


def is_running(audit: Record) -> bool:
    """Whether a process is working on the audit right now."""
    try:
        with FileLock(own_path(audit.path / _LOCK), timeout=0):
            return False
    except Timeout:
        return True


@contextmanager
def recorded(audit: Record, on_event: EventSink) -> Iterator[AuditLog]:
    """Leave the audit in a state that says how the scan ended, however it ends."""
    log = AuditLog(audit, on_event, seconds=dict(audit.meta.get("stage_seconds", {})))
    try:
        with FileLock(own_path(audit.path / _LOCK), timeout=0):
            yield log
    except Timeout:
        raise DataError(f"another process is working on {audit.path}.", hint="Wait until it ends.") from None
    except BaseException as error:
        lost = lost_device(error)
        with suppress(
            OSError, ValueError
        ):  # it had finished; or a disk too full for the note: the audit stays "running", and goes on as well
            _note_end(audit, lost or error, log.place)
        if lost is not None:
            raise lost from error
        raise


def _note_end(audit: Record, error: BaseException, place: str) -> None:
    """Note why a run ended before its time: what the next try may not meet again leaves it to go on with."""
    if isinstance(error, KeyboardInterrupt):
        by = "as asked for with --stop-after" if isinstance(error, StopAsked) else "by the user"
        audit.interrupt(f"stopped {by}: {place}")
    elif is_disk_full(error):
        audit.interrupt(f"the disk was full: {place}")  # what was saved before is whole
    elif isinstance(error, RankLost | DeviceLost):
        audit.interrupt(error.problem)
    elif isinstance(error, OSError):
        audit.interrupt(f"{error.strerror or error}: {place}")
    elif isinstance(error, LabelAuditError):
        audit.fail(error.problem)
    else:
        audit.fail(f"{type(error).__name__}: {error}")
