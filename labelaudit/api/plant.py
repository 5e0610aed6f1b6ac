"""`labelaudit plant`: a noisy copy of a dataset whose labels are trusted, with the truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from labelaudit.core.events import EventSink, ignore
from labelaudit.core.recipe import DataSettings, from_dict
from labelaudit.lab.noisy_copy import NoisyCopy, require_new, write_noisy_copy
from labelaudit.scanning.prepare import prepare
from labelaudit.scanning.request import DataOptions, Request, plain_paths


def plant(
    source: Path | str,
    out: Path | str,
    *,
    noise: str = "sym:0.2",
    tail: float = 1.0,
    seed: int = 0,
    copy: bool = False,
    device: str = "auto",
    on_event: EventSink = ignore,
    **data: Unpack[DataOptions],
) -> NoisyCopy:
    """Write a noisy version of a dataset, which `scan` reads at once, and the true labels beside it.

    Args:
        source: a folder of class folders or a table, on this machine.
        out: a new table (.csv, .tsv, .parquet, .jsonl). Of a table it is a copy with other labels; of a folder, a list
            of the images where they are. With `copy`, a new folder of class folders.
        noise: what to plant, as in `bench`.
        tail: ratio of the largest to the smallest class, to which the samples are thinned out first; 1 keeps all.
        seed: of the draws.
        copy: copy the images into class folders by their noisy labels.
        device: where a small classifier is trained, for the noises that need one.
        on_event: told what happens.
        **data: fields of `DataSettings`.

    Raises:
        ConfigError: the noise does not fit, or `out` exists or cannot hold the data.
        DataError: the data cannot be read.
    """
    target = Path(out).expanduser()
    settings = from_dict(DataSettings, plain_paths(data), prefix="data.")
    require_new(target, copy=copy)  # before anything slow begins
    prepared = prepare(Request(source, data=settings, seed=seed, device=device), tune=False)
    return write_noisy_copy(
        prepared, Path(source).expanduser(), target, noise=noise, tail=tail, copy=copy, on_event=on_event
    )
