"""`labelaudit bench intervals`: how often the interval of the noise rate holds the truth, over many small scans."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.audits import HOME
from labelaudit.core.errors import count
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.findings import Action
from labelaudit.core.seeds import numpy_generator
from labelaudit.lab.bench_rows import add_row, find_row, make_revision, read_results
from labelaudit.lab.small_tables import SMALL_DATA, SmallData, load_small, load_small_table
from labelaudit.noise.plant import plant_symmetric
from labelaudit.scanning.learn import judge_dataset, run_method
from labelaudit.scanning.pace import threads

RESULTS = f"{HOME}/intervals.parquet"
RATES = tuple(place / 20 for place in range(10))  # none to 45 %
_METHOD = "labelaudit fast"


def bench_intervals(
    *,
    data: Sequence[str] = tuple(SMALL_DATA),
    rates: Sequence[float] = RATES,
    seeds: int = 1,
    results: Path | str = RESULTS,
    on_event: EventSink = ignore,
) -> dict[str, Any]:
    """Return one row per table, and what holds for all of them together.

    Every scan is written to the results file as soon as it is known, and those that are there are not run again.

    Args:
        data: keys of `SMALL_DATA`.
        rates: shares of wrong labels to plant, any other class all alike.
        seeds: repetitions with seeds 0, 1, ...
        results: a Parquet file, to which rows are added.
        on_event: told each scan.

    Raises:
        DataError: a file of results that cannot be used.
        KeyboardInterrupt: with how to go on.
    """
    path, scans = Path(results), []
    before = read_results(path)
    try:
        with threads(1):
            for name, rate, seed in itertools.product(data, rates, range(seeds)):
                key = {"data": name, "setting": f"sym:{rate:g}", "method": _METHOD, "seed": seed}
                key["revision"] = make_revision({"bench": "intervals"})
                row = find_row(before, key)
                if row is None:
                    row = {**key, **_scan(load_small(name), rate, seed)}
                    add_row(path, row)
                    on_event(Said("note", _in_short(row)))
                scans.append(row)
    except KeyboardInterrupt as stop:
        text = f"{count(len(scans), 'scan')} in {path}; the same command goes on from there"
        raise KeyboardInterrupt(text) from stop
    rows = [{"data": name, **figures_of([row for row in scans if row["data"] == name])} for name in data]
    whole = figures_of(scans)
    counted = (
        f"The 90 % interval holds the actual rate in {100 * whole['covered']:.0f} % of {count(len(scans), 'scan')}, "
        f"and its lower end is above the rate in {100 * whole['overclaims']:.0f} %; "
        f"the median error is {100 * whole['median_error']:.2f} points."
    )
    return {"schema": 2, "rows": rows, "all": whole, "scans": scans, "counted": counted}


def figures_of(scans: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of some scans together; a scan without an interval covers nothing.

    `clean_flagged` is the largest share that was flagged where nothing was planted, None where that was not tried.
    """
    wrong, rate, low, high = (
        np.array([np.nan if row[name] is None else row[name] for row in scans], dtype=float)
        for name in ("wrong", "noise_rate", "low", "high")
    )
    clean = [row["flagged"] for row in scans if row["wrong"] == 0]
    return {
        "scans": len(scans),
        "covered": float(((low <= wrong) & (wrong <= high)).mean()),
        "overclaims": float((low > wrong).mean()),
        "median_error": float(np.median(abs(rate - wrong))),
        "median_width": float(np.nanmedian(high - low)) if np.isfinite(high - low).any() else None,
        "clean_flagged": max(clean, default=None),
        "seconds": float(sum(row["seconds"] for row in scans)),
    }


def _scan(small: SmallData, rate: float, seed: int) -> dict[str, Any]:
    """Plant, scan and judge as `labelaudit scan` does, without its files."""
    draw = numpy_generator(seed, "plant", round(1000 * rate))
    given = plant_symmetric(small.true, small.n_classes, rate, draw, include_true=False)
    started = time.monotonic()
    prepared, loaded = load_small_table(small, given, seed=seed)
    judged = judge_dataset(loaded, run_method(loaded, prepared, checkpoints=None, on_event=ignore), prepared.recipe)
    noise = judged.noise
    return {
        "samples": len(given),
        "wrong": float((given != small.true).mean()),
        "noise_rate": judged.noise_rate,
        "low": None if noise.is_point else noise.low,
        "high": None if noise.is_point else noise.high,
        "flagged": float(np.mean(judged.action != Action.KEEP)),
        "seconds": time.monotonic() - started,
    }


def _in_short(row: dict[str, Any]) -> str:
    interval = "no interval" if row["low"] is None else f"[{row['low']:.3f}, {row['high']:.3f}]"
    rates = f"{row['wrong']:.3f} wrong, estimated {row['noise_rate']:.3f} {interval}"
    return f"{row['data']}, {row['setting']}, seed {row['seed']}: {rates}, {row['seconds']:.0f} s"
