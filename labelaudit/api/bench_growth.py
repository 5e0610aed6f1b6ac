"""`labelaudit bench growth`: time and memory of whole scans from a thousand to a million samples."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.core.audits import find_audit
from labelaudit.core.errors import ConfigError, TrainingError
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.noise import plant_symmetric

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_CLASSES, _WIDTH, _RATE = 10, 32, 0.1  # made-up embeddings: Gaussian clouds with 10 % wrong labels


def bench_growth(
    *, sizes: Sequence[int] = SIZES, plot: Path | None = None, on_event: EventSink = ignore
) -> dict[str, Any]:
    """Return one row per size with the seconds and the peak memory of a scan in a process of its own.

    Args:
        sizes: numbers of samples.
        plot: gets a picture (SVG or PNG); needs matplotlib.
        on_event: told each row.
    """
    rows = []
    for n in sizes:
        rows.append(_scan(n))
        on_event(Said("note", f"{n:,} samples: {rows[-1]['seconds']:.1f} s, {rows[-1]['peak_mib']:,} MiB"))
    found = {"schema": 1, "rows": rows, "exponents": _exponents(rows)}
    if plot is not None:
        _draw(found, plot)
    return found


def _scan(n: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="labelaudit-growth-") as name:
        folder = Path(name)
        _write_data(folder, n)
        command = [sys.executable, "-m", "labelaudit", "scan", "labels.parquet", "--embeddings", "e.npy", "--quiet"]
        started = time.monotonic()
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
        if ended.returncode:
            raise TrainingError(f"the scan of {n:,} samples ended with {ended.returncode}: {ended.stderr.strip()}")
        meta = find_audit(folder).meta
        results = meta["results"]
    return {
        "samples": n,
        "seconds": round(seconds, 2),
        "training_s": round(sum(results["seconds"].values()), 2),
        "passes": meta["recipe"]["options"]["stage1_epochs"] + meta["recipe"]["options"]["stage2_epochs"],
        "peak_mib": results["peak_memory_mib"],
    }


def _write_data(folder: Path, n: int) -> None:
    rng = numpy_generator(0, "growth", n)
    true = np.arange(n) % _CLASSES
    centres = rng.normal(size=(_CLASSES, _WIDTH)).astype(np.float32) * 2
    np.save(folder / "e.npy", centres[true] + rng.normal(size=(n, _WIDTH)).astype(np.float32))
    given = plant_symmetric(true, _CLASSES, _RATE, rng)
    pq.write_table(pa.table({"label": [f"class {label}" for label in given]}), folder / "labels.parquet")


def _exponents(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return b of "cost grows as N to the b", by least squares on logarithms.

    `seconds_per_pass` takes the epochs out, which the recipe chooses by the number of samples; memory is what comes
    on top of the smallest scan.
    """
    n = np.array([row["samples"] for row in rows], dtype=float)
    per_pass = np.array([row["training_s"] / row["passes"] for row in rows])
    seconds = np.array([row["seconds"] for row in rows])
    return {
        "seconds": round(float(np.polyfit(np.log(n), np.log(seconds), 1)[0]), 3),
        "seconds_per_pass": round(float(np.polyfit(np.log(n), np.log(per_pass), 1)[0]), 3),
    }


def _draw(found: dict[str, Any], path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("matplotlib is not installed.", hint="pip install 'labelaudit[bench]'") from error
    rows = found["rows"]
    n = [row["samples"] for row in rows]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    time_axes.loglog(n, [row["seconds"] for row in rows], "o-", label="whole scan")
    label = f"one pass over the samples (N^{found['exponents']['seconds_per_pass']:.2f})"
    time_axes.loglog(n, [row["training_s"] / row["passes"] for row in rows], "s--", label=label)
    time_axes.set(xlabel="samples", ylabel="seconds")
    time_axes.legend()
    memory_axes.semilogx(n, [row["peak_mib"] for row in rows], "o-")
    memory_axes.set(xlabel="samples", ylabel="peak memory, MiB", ylim=(0, None))
    figure.savefig(path)
