"""`labelaudit bench speed`: each fast path beside the obvious way to do the same, in one run.

Where both sides take turns, the best round of each counts: what disturbs a round, such as other programs or the workers
and threads of the obvious loop hindering each other, only ever makes it slower.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.mixture import GaussianMixture
from torch import nn

from labelaudit.core.dataset import ImageFiles
from labelaudit.core.errors import count
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.seeds import numpy_generator
from labelaudit.judging.beta_mixture import fit_beta_mixture
from labelaudit.lab import obvious
from labelaudit.lab.startup import startup_seconds
from labelaudit.lab.training_speed import convolution_share, matrix_rate, operations_per_sample, pipeline_rate
from labelaudit.training.decode import decode_images
from labelaudit.training.device import choose_device, describe_device, keep_freed_memory
from labelaudit.training.models import build_image_network
from labelaudit.training.pace import pace_for
from labelaudit.training.pixel_store import PixelStore

_IMAGES = 4096  # made-up 32x32 images to train on
_ROUNDS, _ROUND_SECONDS = 3, 6.0  # of each side
_BUSY_SECONDS = 30.0  # so that the looks and trials of a pace count as little as in a scan of minutes
_LOSSES = 10_000_000
_JPEGS = 3_000  # of 512 pixels; so many that what is done once, such as syncing the disk, hardly counts
_BACKBONES = ("small", "preact-resnet18")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row: what we do beside what people would do."""

    name: str
    unit: str
    ours: float
    theirs: float | None  # None where there is nothing to compare with
    higher_is_better: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the row for JSON; `ratio` is how many times better ours is."""
        ratio = None
        if self.theirs:
            ratio = self.ours / self.theirs if self.higher_is_better else self.theirs / self.ours
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": round(self.ours, 4),
            "theirs": None if self.theirs is None else round(self.theirs, 4),
            "ratio": None if ratio is None else round(ratio, 2),
        }


def bench_speed(*, device: str = "auto", on_event: EventSink = ignore) -> dict[str, Any]:
    """Return the machine, what counts of several rounds, and one row per comparison.

    Args:
        device: where to train.
        on_event: told which comparison is running.
    """
    where = choose_device(device)
    if where.type == "cpu":
        keep_freed_memory()
    rows = []
    for comparison in _comparisons(where):
        on_event(Said("note", f"{comparison.name}: {comparison.ours:,.2f} {comparison.unit}"))
        rows.append(comparison.to_dict())
    counted = f"Training and decoding: the best of {count(_ROUNDS, 'round')} of each side, which take turns."
    return {
        "schema": 2,
        "device": describe_device(where),
        "torch": torch.__version__,
        "counted": counted,
        "rows": rows,
    }


def _comparisons(device: torch.device) -> Iterator[Comparison]:
    pixels, labels = _made_up_images()
    for backbone in _BACKBONES:
        build = partial(build_image_network, backbone, 10, 32, seed=0, stream="bench")
        ours, theirs = _training_rates(build, pixels, labels, device)
        yield Comparison(f"train {backbone} at 32 pixels", "samples/s", ours, theirs, higher_is_better=True)
        work, matrix = operations_per_sample(build, 32), matrix_rate(device)
        name = f"{backbone}: arithmetic, as a share of a large matrix product's"
        yield Comparison(name, "", ours * work / matrix, theirs * work / matrix, higher_is_better=True)
        share = convolution_share(build, pixels, labels, device)
        yield Comparison(f"{backbone}: share of the time in convolutions", "", share, None, higher_is_better=True)
    if device.type == "cpu":
        yield from _beside_others(partial(build_image_network, "small", 10, 32, seed=0, stream="bench"), pixels, labels)
    yield from _decoding()
    yield from _mixtures()
    command = ("--help",)
    yield Comparison("labelaudit --help", "s CPU", startup_seconds(command)["median_s"], None, higher_is_better=False)


def _training_rates(
    build: Callable[[], nn.Module], pixels: NDArray[np.uint8], labels: NDArray[np.int64], device: torch.device
) -> tuple[float, float]:
    """Return samples per second, ours and theirs: the best of rounds that take turns.

    The obvious loop runs in a process of its own, as a user's script would: without our allocator's setting.
    """
    turns = []
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as script:
        for _ in range(_ROUNDS):
            ours = pipeline_rate(build, pixels, labels, device, seconds=_ROUND_SECONDS)
            asked = script.submit(obvious.training_rate, build, pixels, labels, device, seconds=_ROUND_SECONDS)
            turns.append((ours, asked.result()))
    return best_of(turns)


def _beside_others(
    build: Callable[[], nn.Module], pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> Iterator[Comparison]:
    """Yield training with a pace against training without one on a quiet machine, and on a busy one against that."""
    cpu = torch.device("cpu")

    def rate(*, watched: bool, seconds: float) -> float:
        pace = pace_for(0, is_alone=True, device=cpu) if watched else None
        return pipeline_rate(build, pixels, labels, cpu, seconds=seconds, pace=pace)

    quiet, busy, left_alone = [], [], []
    for _ in range(_ROUNDS):
        quiet.append((rate(watched=True, seconds=_ROUND_SECONDS), rate(watched=False, seconds=_ROUND_SECONDS)))
        with spinning_processes():
            busy.append(rate(watched=True, seconds=_BUSY_SECONDS))
            left_alone.append(rate(watched=False, seconds=_ROUND_SECONDS))
    ours, theirs = best_of(quiet)
    unit, beside = "samples/s", "beside one busy program per core"
    yield Comparison("train small, looking at the pace", unit, ours, theirs, higher_is_better=True)
    yield Comparison(f"the same {beside}, against the quiet machine", unit, max(busy), theirs, higher_is_better=True)
    yield Comparison(f"the same {beside}, against all threads", unit, max(busy), max(left_alone), higher_is_better=True)


@contextmanager
def spinning_processes() -> Iterator[None]:
    """Keep every processor that this process may use busy for a while."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def best_of(turns: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the highest rate of ours and of theirs, which may be of different rounds."""
    ours, theirs = zip(*turns, strict=True)
    return max(ours), max(theirs)


def _decoding() -> Iterator[Comparison]:
    """Yield decoding against the bare decoder on all cores, and a second scan of the same files."""
    with tempfile.TemporaryDirectory(prefix="labelaudit-bench-") as folder:
        content = ImageFiles(tuple(_write_jpegs(Path(folder) / "images", n=_JPEGS, side=512)))
        names = [path.name for path in content.files]

        def read_all(cache: str) -> float:
            started = time.monotonic()
            with PixelStore(Path(folder) / cache, 128) as store:
                decode_images(content, names, store, on_samples=lambda _: None)
            return time.monotonic() - started

        ours, theirs = best_of(
            [(_JPEGS / read_all(f"cache {turn}"), _JPEGS / _bare_decoding_s(content)) for turn in range(_ROUNDS)]
        )
        second = read_all("cache 0")
    yield Comparison("decode 512-pixel JPEGs to 128, hash and keep", "images/s", ours, theirs, higher_is_better=True)
    yield Comparison("the same again", "s", second, _JPEGS / ours, higher_is_better=False)


def _bare_decoding_s(content: ImageFiles) -> float:
    """Return the seconds that Pillow takes to decode and resize on all cores, and nothing else."""

    def decode(path: Path) -> int:
        with Image.open(path) as image:
            image.draft("RGB", (128, 128))
            return image.convert("RGB").resize((128, 128), Image.Resampling.BILINEAR).width

    started = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(decode, content.files, chunksize=16))
    return time.monotonic() - started


def _mixtures() -> Iterator[Comparison]:
    rng = numpy_generator(0, "bench-losses")
    clean = rng.gamma(1.0, 0.3, int(_LOSSES * 0.8))
    losses = np.concatenate([clean, rng.normal(4.0, 1.0, _LOSSES - len(clean)).clip(0)])
    fit_beta_mixture(losses[:1000], method="robust")  # what it imports is not counted
    started = time.monotonic()
    fit_beta_mixture(losses, method="robust")
    ours = time.monotonic() - started
    started = time.monotonic()
    GaussianMixture(2, max_iter=10, tol=1e-2, random_state=0).fit(losses[:, None])
    theirs = time.monotonic() - started
    yield Comparison(f"fit a mixture to {_LOSSES:,} losses", "s", ours, theirs, higher_is_better=False)


def _made_up_images() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    rng = numpy_generator(0, "bench-images")
    pixels = rng.integers(0, 256, (_IMAGES, 32, 32, 3), dtype=np.uint8)
    return pixels, rng.integers(0, 10, _IMAGES)


def _write_jpegs(folder: Path, *, n: int, side: int) -> Iterator[Path]:
    """Write smooth made-up photographs; noise would take far longer to decode than a photograph."""
    folder.mkdir()
    rng = numpy_generator(0, "bench-jpegs")
    for number in range(n):
        coarse = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(path, quality=90)
        yield path
