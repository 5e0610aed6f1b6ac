"""`labelaudit reproduce`: run published settings, and hold their accuracy beside the published ones."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from labelaudit.core.audits import HOME
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.lab.published_cells import cells, require_table
from labelaudit.lab.published_data import Sources
from labelaudit.lab.published_tables import require_setting
from labelaudit.lab.reproduction import Changes, run_setting
from labelaudit.lab.reproduction_folder import Reproduction, Run, read_results
from labelaudit.scanning.request import parse_duration

OUT = f"{HOME}/reproduce"


class Options(TypedDict, total=False):
    """What a run is made from, and what is wanted otherwise than published."""

    epochs_scale: float
    seed: int
    device: str
    labels: str | None
    confusion: str | None
    others: Sequence[Path | str]
    trusted: Path | str | None
    imagenet_val: Path | str | None
    weights: str | None
    backbone: str | None
    overrides: Mapping[str, str]
    probes: bool


def reproduce(
    name: str,
    data: Path | str,
    *,
    out: Path | str = OUT,
    resume: bool = False,
    stop_after: str | None = None,
    on_event: EventSink = ignore,
    **options: Unpack[Options],
) -> Reproduction:
    """Run a published setting on the user's copy of its data; add a row to OUT/results.csv and return it.

    Args:
        name: METHOD/DATASET/NOISE-RATE[/VARIANT], a key of `settings()`.
        data: the dataset in its published layout, or folders of classes below train/ and test/.
        out: folder of results and of the unfinished run.
        resume: go on with the run of this name, seed and scale that was stopped.
        stop_after: stop at the end of the first epoch after this time, "9m".
        on_event: told what happens.
        **options: none has to be given.
            epochs_scale: shortens the schedule for a quick look; marked in the row.
            seed: of the noise, the split, the weights and the order.
            device: auto, cpu, cuda, cuda:1, mps.
            labels: "FILE" or "FILE:COLUMN" of noisy labels, for settings whose noise was made by people.
            confusion: .npy or Parquet file of a confusion matrix, for settings whose noise follows one; without it,
                that of a classifier that has seen half of the labels.
            others: folders of foreign images, for open sets that come from elsewhere.
            trusted: class folders of images whose labels are right, for methods that need some where the data has none.
            imagenet_val: ImageNet's validation images in class folders, to test on beside the setting's own.
            weights: where networks start: none, default (torchvision's) or a file; needed where the paper had some.
            backbone: another network than published; marked in the row.
            overrides: `key=value` settings on top; marked in the row.
            probes: fit linear probes to the last network's features, level by level.

    Raises:
        ConfigError: there is no such setting, or nothing to go on with, or something is missing that it needs.
        DataError: the data is not that of the setting.
        StopAsked: `stop_after` is over; a KeyboardInterrupt.
    """
    stop_at = time.monotonic() + parse_duration(stop_after or "max")
    setting = require_setting(name)
    seed, epochs_scale = options.get("seed", 0), options.get("epochs_scale", 1.0)
    run = Run.opened(Path(out), setting, seed=seed, epochs_scale=epochs_scale, resume=resume)
    sources = Sources(
        Path(data).expanduser(),
        options.get("labels"),
        options.get("confusion"),
        tuple(Path(other).expanduser() for other in options.get("others", ())),
        _folder(options.get("trusted")),
        _folder(options.get("imagenet_val")),
    )
    changes = Changes(
        options.get("weights"),
        options.get("backbone"),
        dict(options.get("overrides", {})),
        probes=options.get("probes", False),
    )
    device = options.get("device", "auto")
    return run_setting(setting, sources, run, device=device, stop_at=stop_at, on_event=on_event, changes=changes)


def reproduce_table(
    table: str,
    data: Path | str,
    *,
    part: str = "",
    out: Path | str = OUT,
    stop_after: str | None = None,
    on_event: EventSink = ignore,
    **options: Unpack[Options],
) -> list[Reproduction]:
    """Run the settings of a published table, one after the other, and return those that ran.

    One that is in OUT/results.csv with this seed and scale is not run again. One that needs other data, or something
    that is not given, is told as a warning, and the next is run.

    Args:
        table: "drpl/4", a key of `tables()`.
        data: as for `reproduce`.
        part: only settings whose name contains this: a row or a column, such as "drpl/cifar10" or "sym-excl-0.4".
        out: as for `reproduce`.
        stop_after: as for `reproduce`, of every run by itself.
        on_event: told what happens.
        **options: as for `reproduce`.

    Raises:
        ConfigError: there is no such table.
    """
    name = require_table(table).name
    chosen = dict.fromkeys(cell.settings[0] for cell in cells() if cell.table == name and cell.settings)
    key = str(options.get("seed", 0)), f"{options.get('epochs_scale', 1.0):g}"
    done = {(row["name"], row["seed"], row["epochs_scale"]) for row in read_results(Path(out) / "results.csv")}
    found = []
    for each in chosen:
        if part not in each or (each, *key) in done:
            continue
        on_event(Said("note", each))
        try:
            found.append(reproduce(each, data, out=out, stop_after=stop_after, on_event=on_event, **options))
        except (ConfigError, DataError) as error:
            on_event(Said("warning", f"{each} was not run: {error.problem}"))
    return found


def _folder(path: Path | str | None) -> Path | None:
    return None if path is None else Path(path).expanduser()
