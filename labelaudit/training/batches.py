"""Samples on the device, handed out in batches: what a method sees of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from labelaudit.training.augment import centre_crop, mirror, random_crop
from labelaudit.training.streams import torch_generator

View = Literal["plain", "mirrored", "augmented"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some samples on one device."""

    inputs: Tensor  # (B, 3, S, S) or (B, D) float
    labels: Tensor  # (B,) given labels
    index: Tensor  # (B,) position in the Dataset


@dataclass(frozen=True, slots=True)
class Pixels:
    """Images that fit on the device, as uint8 rows of pixels."""

    pixels: Tensor  # (N, S, S, 3) uint8
    size: int  # pixels of a side that the network sees, at most S
    scale: Tensor  # (3,) per channel: inputs = pixels * scale + shift
    shift: Tensor  # (3,)
    crop_padding: int  # pixels
    flip: bool

    def take(self, index: Tensor) -> Pixels:
        """Return the images at these positions."""
        return replace(self, pixels=self.pixels[index])

    def views(self) -> tuple[View, ...]:
        """The views that predictions are averaged over: mirror images only where training flips."""
        return ("plain", "mirrored") if self.flip else ("plain",)

    def inputs(self, index: Tensor, view: View, draw: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Return (B, 3, S, S) normalised inputs, channels last in memory."""
        images = self.pixels[index]
        images = self._augmented(images, draw) if view == "augmented" else centre_crop(images, self.size)
        if view == "mirrored":
            images = images.flip(2)
        return (images.to(dtype) * self.scale.to(dtype) + self.shift.to(dtype)).permute(0, 3, 1, 2)

    def _augmented(self, images: Tensor, draw: torch.Generator) -> Tensor:
        B, device = len(images), images.device
        room = images.shape[1] + 2 * self.crop_padding - self.size
        if room:
            offsets = torch.randint(0, room + 1, (B, 2), generator=draw)
            images = random_crop(images, offsets.to(device), padding=self.crop_padding, size=self.size)
        if self.flip:
            images = mirror(images, (torch.rand(B, generator=draw) < 0.5).to(device))
        return images


@dataclass(frozen=True, slots=True)
class VectorInputs:
    """Table rows or embeddings on the device."""

    values: Tensor  # (N, D) float32

    def take(self, index: Tensor) -> VectorInputs:
        """Return the vectors at these positions."""
        return VectorInputs(self.values[index])

    def views(self) -> tuple[View, ...]:
        """The views that predictions are averaged over."""
        return ("plain",)

    def inputs(self, index: Tensor, view: View, draw: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Return (B, D) inputs; there is no augmentation for vectors."""
        del view, draw
        return self.values[index].to(dtype)


Inputs = Pixels | VectorInputs


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples of a scan with their given labels, on one device."""

    inputs: Inputs
    labels: Tensor  # (N,) int64
    batch_size: int
    dtype: torch.dtype  # of the inputs
    seed: int

    def __len__(self) -> int:
        return len(self.labels)

    def steps(self) -> int:
        """Steps of one training epoch."""
        return len(list(_cuts(len(self), self.batch_size)))

    def shuffled(self, *stream: str | int) -> Iterator[Batch]:
        """Yield augmented batches in a random order that the named stream draws; every sample once."""
        draw = torch_generator(self.seed, "order", *stream)
        order = torch.randperm(len(self), generator=draw).to(self.labels.device)
        for start, stop in _cuts(len(self), self.batch_size):
            yield self._batch(order[start:stop], "augmented", draw)

    def in_order(self, view: View, *stream: str | int) -> Iterator[Batch]:
        """Yield batches in Dataset order under one view."""
        draw = torch_generator(self.seed, "view", view, *stream)
        index = torch.arange(len(self), device=self.labels.device)
        size = max(self.batch_size, 256)  # no gradients are kept: larger batches fit
        for start in range(0, len(self), size):
            yield self._batch(index[start : start + size], view, draw)

    def _batch(self, index: Tensor, view: View, draw: torch.Generator) -> Batch:
        return Batch(self.inputs.inputs(index, view, draw, self.dtype), self.labels[index], index)


def _cuts(n: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of n samples in equal batches; a last batch of one joins the one before (batch norm)."""
    steps = max(1, n // size if n % size <= 1 else n // size + 1)
    for step in range(steps):
        start = step * size
        yield start, n if step == steps - 1 else start + size
