"""Training throughput of the pipeline that scans run on, and what bounds it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from labelaudit.core.dataset import IntN
from labelaudit.core.events import ignore
from labelaudit.core.recipe import TrainSettings
from labelaudit.lab.plain_classifier import cross_entropy
from labelaudit.training.batches import Batch, Pixels, Samples
from labelaudit.training.device import choose_precision
from labelaudit.training.epoch import train_epoch
from labelaudit.training.job import make_optimizer
from labelaudit.training.pace import Pace

_BATCH = 128
_WARM_STEPS = 3
_MATRIX_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}  # large enough that only arithmetic counts
_MATRIX_SECONDS = 1.0
_PROFILED_STEPS = 5


def pipeline_rate(
    build: Callable[[], nn.Module],
    pixels: NDArray[np.uint8],
    labels: IntN,
    device: torch.device,
    *,
    seconds: float,
    pace: Pace | None = None,
) -> float:
    """Return training samples per second, after the first steps.

    Args:
        build: makes the network.
        pixels: (N, S, S, 3).
        labels: (N,).
        device: where to train.
        seconds: how long.
        pace: chooses the threads as in a scan; its first looks belong to the time. None = all that torch takes.
    """
    samples = _samples(pixels, labels, device)
    model = build().to(device)
    ticks: list[float] = []
    counts: list[int] = []

    def until_time_is_up() -> Iterator[Batch]:
        for epoch in range(1_000_000):
            for batch in samples.shuffled("bench", epoch):
                if len(ticks) > _WARM_STEPS and ticks[-1] - ticks[_WARM_STEPS - 1] > seconds:
                    return
                yield batch

    def count(n: int) -> None:
        counts.append(n)
        if len(counts) == _WARM_STEPS:
            _wait(device)
        ticks.append(time.monotonic())

    batches = until_time_is_up()
    if pace is not None:
        batches = pace.watched(batches, "bench", 1, ignore)
    _train(model, batches, samples.dtype, on_samples=count)
    if pace is not None:
        pace.end()
    _wait(device)
    return sum(counts[_WARM_STEPS:]) / (time.monotonic() - ticks[_WARM_STEPS - 1])


def matrix_rate(device: torch.device) -> float:
    """Return the measured floating point operations per second of a large matrix product in the scan's precision."""
    dtype = choose_precision(device, "auto")
    side = _MATRIX_SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    left @ right
    _wait(device)
    started, done = time.monotonic(), 0
    while time.monotonic() - started < _MATRIX_SECONDS:
        for _ in range(4):
            left @ right
        _wait(device)
        done += 4
    return 2 * side**3 * done / (time.monotonic() - started)


def operations_per_sample(build: Callable[[], nn.Module], side: int) -> float:
    """Return the floating point operations of one sample's forward and backward pass, by torch's counter."""
    n = 2
    model = build()
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(n, 3, side, side)).sum().backward()
    return float(counter.get_total_flops()) / n


def convolution_share(
    build: Callable[[], nn.Module], pixels: NDArray[np.uint8], labels: IntN, device: torch.device
) -> float:
    """Return the share of a training step's operator time that convolutions and matrix products take, 0 to 1."""
    samples = _samples(pixels, labels, device)
    model = build().to(device)
    _train(model, _some(samples, _WARM_STEPS), samples.dtype)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or the profiler's library writes of its start on the terminal
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=activities) as seen:
        _train(model, _some(samples, _PROFILED_STEPS), samples.dtype)
        _wait(device)
    on_gpu = device.type == "cuda"
    times = {
        row.key: float(row.self_device_time_total if on_gpu else row.self_cpu_time_total)
        for row in seen.key_averages()
        if row.key.startswith("aten::")
    }
    products = sum(time for name, time in times.items() if "conv" in name or name.endswith(("::mm", "::addmm")))
    return products / max(sum(times.values()), 1e-9)


def _samples(pixels: NDArray[np.uint8], labels: IntN, device: torch.device) -> Samples:
    scale = torch.full((3,), 1 / 64.0, device=device)
    inputs = Pixels(
        torch.from_numpy(pixels).to(device),
        pixels.shape[1],
        scale,
        -2.0 * torch.ones_like(scale),
        crop_padding=4,
        flip=True,
    )
    return Samples(inputs, torch.from_numpy(labels).to(device), _BATCH, choose_precision(device, "auto"), 0)


def _some(samples: Samples, steps: int) -> Iterator[Batch]:
    for _, batch in zip(range(steps), samples.shuffled("bench", 0), strict=False):
        yield batch


def _train(
    model: nn.Module,
    batches: Iterator[Batch],
    precision: torch.dtype,
    *,
    on_samples: Callable[[int], None] = lambda _: None,
) -> None:
    optimizer = make_optimizer(model, TrainSettings(weight_decay=5e-4))
    train_epoch(
        model, batches, cross_entropy, optimizer, lambda _: 0.01, step=0, precision=precision, on_samples=on_samples
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
