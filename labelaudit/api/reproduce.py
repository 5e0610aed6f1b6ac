"""`labelaudit reproduce`: run a published setting, and hold its accuracy beside the published one."""

from __future__ import annotations

import time
from pathlib import Path

from labelaudit.core.audits import HOME
from labelaudit.core.events import EventSink, ignore
from labelaudit.lab.published_tables import require_setting
from labelaudit.lab.reproduction import Sources, run_setting
from labelaudit.lab.reproduction_folder import Reproduction, Run
from labelaudit.scanning.request import parse_duration

OUT = f"{HOME}/reproduce"


def reproduce(
    name: str,
    data: Path | str,
    *,
    epochs_scale: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    labels: str | None = None,
    confusion: str | None = None,
    out: Path | str = OUT,
    resume: bool = False,
    stop_after: str | None = None,
    on_event: EventSink = ignore,
) -> Reproduction:
    """Run a published setting on the user's copy of its data; add a row to OUT/results.csv and return it.

    Args:
        name: METHOD/DATASET/NOISE-RATE[/VARIANT], a key of `settings()`.
        data: the dataset in its published layout, or folders of classes below train/ and test/.
        epochs_scale: shortens the schedule for a quick look; marked in the row.
        seed: of the noise, the split, the weights and the order.
        device: auto, cpu, cuda, cuda:1, mps.
        labels: "FILE" or "FILE:COLUMN" of noisy labels, for settings whose noise was made by people.
        confusion: .npy or Parquet file of a confusion matrix, for settings whose noise follows one; without it, that
            of a small classifier.
        out: folder of results and of the unfinished run.
        resume: go on with the run of this name, seed and scale that was stopped.
        stop_after: stop at the end of the first epoch after this time, "9m".
        on_event: told what happens.

    Raises:
        ConfigError: there is no such setting, or nothing to go on with.
        DataError: the data is not that of the setting.
        StopAsked: `stop_after` is over; a KeyboardInterrupt.
    """
    stop_at = time.monotonic() + parse_duration(stop_after or "max")
    setting = require_setting(name)
    run = Run.opened(Path(out), setting, seed=seed, epochs_scale=epochs_scale, resume=resume)
    sources = Sources(Path(data).expanduser(), labels, confusion)
    return run_setting(setting, sources, run, device=device, stop_at=stop_at, on_event=on_event)
