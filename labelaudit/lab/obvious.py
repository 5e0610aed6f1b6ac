"""The loop that published codes are written in: fp32, contiguous, a DataLoader with PIL transforms, image by image.

Only to compare with; nothing of the product uses it.

python -m labelaudit.lab.obvious TASK.npz ANSWER.npz    cross-validates in a process of its own
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms

from labelaudit.core.dataset import IntN
from labelaudit.core.errors import TrainingError
from labelaudit.functional.schedules import one_cycle
from labelaudit.lab.opinion import Probs
from labelaudit.training.batches import Pixels
from labelaudit.training.models import build_image_network

_WORKERS = 2  # loader processes; more do not help on two cores
_MEAN, _DEVIATION = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


class PilImages(Dataset[tuple[Tensor, int]]):
    """Images that are turned into PIL images and transformed one by one, as torchvision's CIFAR10 does.

    Args:
        pixels: (N, S, S, 3) uint8.
        labels: (N,).
        augmented: random crops and mirror images.
    """

    def __init__(self, pixels: NDArray[np.uint8], labels: IntN, *, augmented: bool) -> None:
        side = pixels.shape[1]
        random = [transforms.RandomCrop(side, padding=side // 8), transforms.RandomHorizontalFlip()]
        plain = [transforms.ToTensor(), transforms.Normalize(_MEAN, _DEVIATION)]
        self._transform: Callable[[Image.Image], Tensor] = transforms.Compose([*(random if augmented else []), *plain])
        self._pixels, self._labels = pixels, labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(Image.fromarray(self._pixels[index])), int(self._labels[index])


def training_rate(
    build: Callable[[], nn.Module], pixels: NDArray[np.uint8], labels: IntN, device: torch.device, *, seconds: float
) -> float:
    """Return the training samples per second of the obvious loop, after two steps that do not count."""
    model = build().to(device, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    loader = _loader(PilImages(pixels, labels, augmented=True), shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    started, done, steps = time.monotonic(), 0, 0
    while True:
        for images, given in loader:
            _step(model, optimizer, images.to(device), given.to(device))
            steps += 1
            done += len(given)
            if steps == 2:
                _wait(device)
                started, done = time.monotonic(), 0
            elif steps > 2 and time.monotonic() - started > seconds:
                _wait(device)
                return done / (time.monotonic() - started)


def cross_validated_probs(
    build: Callable[[], nn.Module],
    pixels: NDArray[np.uint8],
    given: IntN,
    n_classes: int,
    device: torch.device,
    *,
    folds: int,
    epochs: int,
    peak_lr: float,
    seed: int,
    batch_size: int = 128,
) -> NDArray[np.float64]:
    """Return (N, C) out-of-sample probabilities by the obvious loop: what people write to feed cleanlab."""
    probs = np.zeros((len(given), n_classes))
    train_set, plain_set = (PilImages(pixels, given, augmented=augmented) for augmented in (True, False))
    for train, held_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(given, given):
        model = build().to(device, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
        loader = _loader(Subset(train_set, train.tolist()), shuffle=True, batch_size=batch_size)
        total, step = epochs * len(loader), 0
        model.train()
        for _ in range(epochs):
            for images, labels in loader:
                for group in optimizer.param_groups:
                    group["lr"] = one_cycle(step, total, peak=peak_lr)
                _step(model, optimizer, images.to(device), labels.to(device))
                step += 1
        model.eval()
        with torch.no_grad():
            outputs = [
                torch.softmax(model(images.to(device)), dim=1).cpu()
                for images, _ in _loader(Subset(plain_set, held_out.tolist()), shuffle=False)
            ]
        probs[held_out] = torch.cat(outputs).numpy()
    return probs


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
    """Return (N, C) out-of-sample probabilities of the obvious loop in a process of its own, and its seconds.

    It trains as a user's script would: no setting of ours reaches its memory.

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


def _loader(
    dataset: Dataset[tuple[Tensor, int]], *, shuffle: bool, batch_size: int = 128
) -> DataLoader[tuple[Tensor, int]]:
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle, num_workers=_WORKERS)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    loss.item()  # published loops log the loss of every step


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main(task: Path, answer: Path) -> None:
    """Cross-validate what `cross_validate_elsewhere` asks for; write the probabilities and the seconds on the clock."""
    with np.load(task, allow_pickle=False) as file:
        asked = {name: file[name] for name in file.files}
    pixels, n_classes, seed = asked["pixels"], int(asked["n_classes"]), int(asked["seed"])
    backbone = str(asked["backbone"])
    torch.manual_seed(seed)
    started = time.monotonic()
    probs = cross_validated_probs(
        lambda: build_image_network(backbone, n_classes, pixels.shape[1], seed=seed, stream="obvious"),
        pixels,
        asked["given"],
        n_classes,
        torch.device(str(asked["device"])),
        folds=int(asked["folds"]),
        epochs=int(asked["epochs"]),
        peak_lr=float(asked["peak_lr"]),
        seed=seed,
        batch_size=int(asked["batch_size"]),
    )
    np.savez(answer, probs=probs, seconds=np.float64(time.monotonic() - started))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
