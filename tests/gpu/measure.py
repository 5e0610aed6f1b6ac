"""What a GPU is to be measured with, in one go: its tests, speed, and one published setting as far as the time goes.

    python -m tests.gpu.measure CIFAR10 [--out FOLDER] [--minutes 12] [--device cuda] [--scale 1]

CIFAR10 is a copy of CIFAR-10 in its published layout, or class folders below train/ and test/. On one H100 it is to
take twelve minutes: one for the tests, two for speed, the rest for `elr/cifar10/sym-incl-0.4`, whose full length is
about twelve minutes by arithmetic and is shortened where the measured speed says that it would not fit. `--scale 0.01
--device cpu` tries the script where there is no GPU. Figures go to FOLDER/gpu.md, to be put into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from labelaudit.api.reproduce import reproduce
from labelaudit.core.errors import StopAsked
from labelaudit.encoders.images import image_vectors, load_image_encoder
from labelaudit.encoders.registry import DEFAULT_IMAGE_ENCODER
from labelaudit.lab.published_cells import hours
from labelaudit.lab.published_tables import require_setting
from labelaudit.lab.training_speed import matrix_rate, operations_per_sample, pipeline_rate
from labelaudit.training.device import choose_device, choose_precision, describe_device
from labelaudit.training.models import build_image_network

SETTING = "elr/cifar10/sym-incl-0.4"
_EPOCHS, _IMAGES, _TEST_IMAGES = (
    120,
    45_000,
    15_000,
)  # a pass over test and held-out images is a third of a training one
_NETWORKS = ("preact-resnet18", "small", "cifar-resnet34")
_SECONDS = 20.0  # of each rate
_WANTED_SHARE = 0.3  # of the rate of a matrix product, for PreAct ResNet-18
_MARGIN = 0.8  # of the time that is left, so that a slow first step does not break the limit


def main(words: list[str]) -> int:
    """Measure, print and write; return 1 where a test failed."""
    asked = _arguments(words)
    ends_at = time.monotonic() + 60 * asked.minutes
    asked.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(asked.device)
    lines = [f"Measured on {describe_device(device)}, torch {torch.__version__}, scale {asked.scale:g}.", ""]
    failed = _tests(lines)
    rates = _speed(device, asked.scale, lines)
    _published(asked, device, rates, ends_at, lines)
    text = "\n".join(lines) + "\n"
    (asked.out / "gpu.md").write_text(text, encoding="utf-8")
    print(text)
    return failed


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("gpu-measured"))
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--scale", type=float, default=1.0)
    return parser.parse_args(words)


def _tests(lines: list[str]) -> int:
    """Run the tests of the GPU; those skip themselves where there is none."""
    command = [sys.executable, "-m", "pytest", "tests/gpu", "-n", "0", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    said = ended.stdout.strip().splitlines()
    lines += [f"tests/gpu: {said[-1] if said else ended.stderr.strip()[-200:]}", ""]
    return int(ended.returncode not in (0, 5))


def _speed(device: torch.device, scale: float, lines: list[str]) -> dict[str, float]:
    """Measure images a second of each network and of the encoder, beside the rate of a matrix product."""
    n = max(256, round(20_000 * scale))
    pixels = np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(n) % 10
    matrix = matrix_rate(device)
    lines += [
        f"Large matrix product: {matrix / 1e12:.1f} TFLOP/s.",
        "",
        "| network at 32 pixels | images/s | of that rate |",
    ]
    lines += ["|---|---|---|"]
    rates = {}
    for name in _NETWORKS:
        build: Callable[[], nn.Module] = partial(build_image_network, name, 10, 32, seed=0, stream="bench")
        rates[name] = pipeline_rate(build, pixels, labels, device, seconds=_SECONDS * scale)
        share = rates[name] * operations_per_sample(build, 32) / matrix
        wanted = f" (wanted {_WANTED_SHARE:g})" if name == "preact-resnet18" else ""
        lines.append(f"| train {name} | {rates[name]:,.0f} | {share:.2f}{wanted} |")
    lines += [f"| look with {DEFAULT_IMAGE_ENCODER}, both sides | {_looked(device, pixels):,.0f} | |", ""]
    return rates


def _looked(device: torch.device, pixels: np.ndarray) -> float:
    """Return the images a second that the default encoder looks at."""
    encoder = load_image_encoder(DEFAULT_IMAGE_ENCODER, device, choose_precision(device, "auto"))
    batches = torch.split(torch.from_numpy(pixels), 256)
    next(iter(image_vectors(encoder, batches[:1])))
    started = time.monotonic()
    done = sum(len(vectors) for vectors in image_vectors(encoder, batches))
    return done / (time.monotonic() - started)


def _published(
    asked: argparse.Namespace, device: torch.device, rates: dict[str, float], ends_at: float, lines: list[str]
) -> None:
    """Run the published setting, shortened to what is left of the time, and say how long its full length would take."""
    full_s = _EPOCHS * (_IMAGES + _TEST_IMAGES / 3) / rates["cifar-resnet34"]
    left_s = ends_at - time.monotonic()
    epochs_scale = asked.scale if asked.scale < 1 else min(1.0, _MARGIN * left_s / full_s)
    estimate = hours(require_setting(SETTING))
    lines += [f"{SETTING}: full length {full_s / 60:.1f} minutes at this speed ({60 * estimate:.1f} by arithmetic)."]
    try:
        done = reproduce(
            SETTING,
            asked.data,
            epochs_scale=round(epochs_scale, 3),
            device=str(device),
            out=asked.out / "reproduce",
            stop_after=f"{max(1, round(left_s))}s",
        )
    except StopAsked:
        lines += ["It was stopped when the time was over: --resume of labelaudit reproduce goes on."]
        return
    found = [
        f"{figure.value:g} published, {ours:.2f} here" for figure, ours, _ in done.differences() if ours is not None
    ]
    whole = "as published" if done.comparable else f"schedule scaled to {done.epochs_scale:g}, not to be compared"
    lines += [f"Accuracy: {'; '.join(found)}; {whole}; {done.seconds / 60:.1f} minutes."]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
