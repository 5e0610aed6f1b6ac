"""`labelaudit bench`: plant wrong labels in data that the user trusts, and see who finds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from labelaudit.core.audits import HOME
from labelaudit.core.events import EventSink, ignore
from labelaudit.lab.bench_planted import bench_planted
from labelaudit.scanning.prepare import prepare
from labelaudit.scanning.request import Settings, request_of

if TYPE_CHECKING:
    import pandas as pd

RESULTS = f"{HOME}/bench.parquet"


def bench(
    source: Path | str,
    *,
    noise: Sequence[str] = ("sym:0.2",),
    labels_files: Sequence[str] = (),
    tail: float = 1.0,
    samples: int | None = None,
    rivals: Sequence[str] = (),
    seeds: int = 1,
    results: Path | str = RESULTS,
    fresh: bool = False,
    on_event: EventSink = ignore,
    **settings: Unpack[Settings],
) -> pd.DataFrame:
    """Return one row per noise, seed and method, with what each found of the planted errors.

    Every row is written to the results file as soon as it is known, and rows that are there already are not run again:
    so a bench that was stopped goes on.

    Args:
        source: a folder or table whose labels are trusted.
        noise: what to plant, e.g. "sym:0.2", "asym:0.4"; "none" plants nothing. See `parse_noise`.
        labels_files: noisy labels to judge in place of planted ones, "FILE" or "FILE:COLUMN".
        tail: ratio of the largest to the smallest class, to which the samples are thinned out first; 1 keeps all.
        samples: how many to draw anew for every seed, before planting; None = all.
        rivals: keys of `RIVALS`, or "all"; each trains on as many images as the scan.
        seeds: repetitions with seeds 0, 1, ...
        results: a Parquet file, to which rows are added.
        fresh: run everything again; rows with the same key are replaced.
        on_event: told what happens.
        **settings: as in `scan`.

    Raises:
        ConfigError: an unknown rival or noise.
        DataError: data, a file of labels or results that cannot be used.
        KeyboardInterrupt: with how to go on.
    """
    prepared = prepare(request_of(source, settings), tune=False)
    return bench_planted(
        prepared,
        noise=noise,
        labels_files=labels_files,
        tail=tail,
        samples=samples,
        rivals=rivals,
        seeds=seeds,
        results=Path(results),
        fresh=fresh,
        on_event=on_event,
    )
