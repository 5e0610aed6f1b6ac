"""`labelaudit bench growth`: time and memory of whole scans from a thousand to a million samples."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from labelaudit.core.audits import find_audit
from labelaudit.core.errors import ConfigError, TrainingError
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.installed import pip_install
from labelaudit.core.seeds import numpy_generator
from labelaudit.noise.plant import plant_symmetric

SIZES = (1_000, 10_000, 100_000, 1_000_000)
IMAGE_SIZES = (1_000, 10_000, 100_000)
_CLASSES, _WIDTH, _SIDE, _RATE = 10, 32, 8, 0.1  # made-up data: clouds of numbers and of colours, 10 % wrong labels
_IMAGES_A_ROW_GROUP = 10_000
_NETWORKS, _EPOCHS = 2, 2


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of made-up data, and how it is scanned."""

    name: str
    write: Callable[[Path, int], None]  # (folder, samples)
    arguments: tuple[str, ...]  # of `labelaudit scan`


def bench_growth(
    *,
    sizes: Sequence[int] = SIZES,
    image_sizes: Sequence[int] = IMAGE_SIZES,
    plot: Path | None = None,
    on_event: EventSink = ignore,
) -> dict[str, Any]:
    """Return one row per size with the time and the peak memory of a scan in a process of its own.

    Every size is trained on equally often: the recipe would choose more epochs for small data, and its 24 for a
    million samples would take long and show the same.

    Args:
        sizes: numbers of embeddings.
        image_sizes: numbers of images of 8 x 8 pixels, as PNG in a Parquet file.
        plot: gets a picture (SVG or PNG); needs matplotlib.
        on_event: told each row.
    """
    rows: list[dict[str, Any]] = []
    for kind, samples in ((EMBEDDINGS, sizes), (IMAGES, image_sizes)):
        for n in samples:
            rows.append(_scan(kind, n))
            text = f"{n:,} {kind.name}: {rows[-1]['seconds']:.1f} s, {rows[-1]['peak_mib']:,} MiB"
            on_event(Said("note", text))
    kinds = dict.fromkeys(row["data"] for row in rows)
    growth = {name: growth_of([row for row in rows if row["data"] == name]) for name in kinds}
    measured = {"schema": 2, "rows": rows, "growth": growth}
    if plot is not None:
        _draw(measured, plot)
    return measured


def growth_of(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return how cost grows with the number of samples N, by least squares.

    `seconds`, `seconds_per_pass` and `cpu_seconds_per_pass` are b of "cost grows as N to the b". One pass leaves out
    the start of the program; processor time leaves out what else the machine was doing, with the training's share of
    the time as its share of the processor. `mib_per_million` is the slope of the peak memory.
    """
    n = np.array([row["samples"] for row in rows], dtype=float)
    seconds, training, passes, cpu, peak = (
        np.array([row[name] for row in rows], dtype=float)
        for name in ("seconds", "training_s", "passes", "cpu_s", "peak_mib")
    )
    return {
        "seconds": _exponent(n, seconds),
        "seconds_per_pass": _exponent(n, training / passes),
        "cpu_seconds_per_pass": _exponent(n, training * cpu / seconds / passes),
        "mib_per_million": round(float(np.polyfit(n / 1e6, peak, 1)[0])),
    }


def _exponent(n: NDArray[np.float64], cost: NDArray[np.float64]) -> float:
    return round(float(np.polyfit(np.log(n), np.log(cost), 1)[0]), 3)


def _scan(kind: Kind, n: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="labelaudit-growth-") as name:
        folder = Path(name)
        kind.write(folder, n)
        epochs = ["-o", f"networks={_NETWORKS}", "-o", f"epochs={_EPOCHS}"]
        command = [sys.executable, "-m", "labelaudit", "scan", "labels.parquet", *kind.arguments, *epochs, "--quiet"]
        started, cpu_before = time.monotonic(), _cpu_of_children()
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        seconds, cpu = time.monotonic() - started, _cpu_of_children() - cpu_before
        if ended.returncode:
            raise TrainingError(f"the scan of {n:,} {kind.name} ended with {ended.returncode}: {ended.stderr.strip()}")
        meta = find_audit(folder).meta
        results = meta["results"]
    return {
        "data": kind.name,
        "samples": n,
        "seconds": round(seconds, 2),
        "cpu_s": round(cpu, 2),
        "training_s": round(sum(results["seconds"][f"network{number + 1}"] for number in range(_NETWORKS)), 2),
        "passes": _NETWORKS * _EPOCHS,
        "peak_mib": results["peak_memory_mib"],
    }


def _cpu_of_children() -> float:
    """Return the processor seconds of all processes that were waited for."""
    spent = os.times()
    return spent.children_user + spent.children_system


def _write_embeddings(folder: Path, n: int) -> None:
    rng = numpy_generator(0, "growth", n)
    true = np.arange(n) % _CLASSES
    centres = rng.normal(size=(_CLASSES, _WIDTH)).astype(np.float32) * 2
    values = np.lib.format.open_memmap(folder / "e.npy", "w+", np.float32, (n, _WIDTH))
    values[:] = centres[true] + rng.standard_normal((n, _WIDTH), dtype=np.float32)
    values.flush()
    pq.write_table(pa.table({"label": _given(true, rng)}), folder / "labels.parquet")


def _write_images(folder: Path, n: int) -> None:
    rng = numpy_generator(0, "growth-images", n)
    true = np.arange(n) % _CLASSES
    colours = rng.integers(40, 216, (_CLASSES, 3))
    labels = _given(true, rng)
    schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.string())])
    with pq.ParquetWriter(folder / "labels.parquet", schema) as file:
        for start in range(0, n, _IMAGES_A_ROW_GROUP):
            part = range(start, min(n, start + _IMAGES_A_ROW_GROUP))
            noise = rng.integers(-40, 40, (len(part), _SIDE, _SIDE, 3))
            pixels = (colours[true[part.start : part.stop], None, None] + noise).astype(np.uint8)
            images = [{"bytes": _png(image), "path": f"{i}.png"} for i, image in zip(part, pixels, strict=True)]
            file.write_table(pa.table({"image": images, "label": labels[part.start : part.stop]}, schema=schema))


def _given(true: NDArray[np.int64], rng: np.random.Generator) -> list[str]:
    return [f"class {label}" for label in plant_symmetric(true, _CLASSES, _RATE, rng)]


def _png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


EMBEDDINGS = Kind(
    "embeddings", _write_embeddings, ("--embeddings", "e.npy", "--method", "panel")
)  # what is measured is training
IMAGES = Kind("images", _write_images, ())


def _draw(measured: dict[str, Any], path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("matplotlib is not installed.", hint=pip_install("bench")) from error
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    for name, growth in measured["growth"].items():
        rows = [row for row in measured["rows"] if row["data"] == name]
        n = [row["samples"] for row in rows]
        (line,) = time_axes.loglog(n, [row["cpu_s"] for row in rows], "o-", label=f"{name}: whole scan")
        label = f"{name}: one pass, N^{growth['cpu_seconds_per_pass']:.2f}"
        passes = [row["training_s"] * row["cpu_s"] / row["seconds"] / row["passes"] for row in rows]
        time_axes.loglog(n, passes, "s--", color=line.get_color(), label=label)
        memory_axes.semilogx(n, [row["peak_mib"] for row in rows], "o-", color=line.get_color(), label=name)
    memory_axes.axhline(2048, color="grey", linewidth=1, linestyle=":", label="2 GiB")
    time_axes.set(xlabel="samples", ylabel="seconds of the processor")
    memory_axes.set(xlabel="samples", ylabel="peak memory, MiB", ylim=(0, None))
    for axes in (time_axes, memory_axes):
        axes.legend(fontsize="small", loc="lower right")
        axes.grid(alpha=0.3)
    figure.savefig(path)
