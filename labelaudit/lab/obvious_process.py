"""The obvious loop in a process of its own, as a user's script would run: no setting of ours reaches its memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from labelaudit.core.dataset import IntN
from labelaudit.core.errors import TrainingError
from labelaudit.lab.opinion import Probs
from labelaudit.training.batches import Pixels


def cross_validate_elsewhere(
    inputs: Pixels,
    given: IntN,
    *,
    backbone: str,
    n_classes: int,
    device: torch.device,
    folds: int,
    epochs: int,
    peak_lr: float,
    batch_size: int,
    seed: int,
) -> tuple[Probs, float]:
    """Return (N, C) out-of-sample probabilities by `bench.obvious`, and the seconds of its training on the clock.

    Args:
        inputs: the images.
        given: (N,) labels.
        backbone: name of the network.
        n_classes: C.
        device: where to train.
        folds: of the cross-validation.
        epochs: of each fold.
        peak_lr: highest rate of the one-cycle schedule.
        batch_size: samples per step.
        seed: of the folds and of the network.

    Raises:
        TrainingError: the process failed.
    """
    pixels = inputs.pixels if inputs.rows is None else inputs.pixels[inputs.rows]
    with tempfile.TemporaryDirectory(prefix="labelaudit-bench-") as folder:
        task, answer = Path(folder) / "task.npz", Path(folder) / "answer.npz"
        np.savez(
            task,
            pixels=pixels.cpu().numpy(),
            given=given,
            backbone=np.array(backbone),
            device=np.array(str(device)),
            n_classes=np.int64(n_classes),
            folds=np.int64(folds),
            epochs=np.int64(epochs),
            peak_lr=np.float64(peak_lr),
            batch_size=np.int64(batch_size),
            seed=np.int64(seed),
        )
        command = [sys.executable, "-m", "labelaudit.lab.obvious", str(task), str(answer)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "Error" in line] or [f"exit code {done.returncode}"]
            raise TrainingError(f"the obvious loop failed in its own process: {lines[-1]}")
        with np.load(answer, allow_pickle=False) as found:
            return found["probs"], float(found["seconds"])
