"""Samples on the device, handed out in batches: what a method sees of a dataset."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from labelaudit.training.augment import centre_crop, mirror, random_crop
from labelaudit.training.auto_augment import auto_augmented, cut_out
from labelaudit.training.ranks import ALONE, Ranks
from labelaudit.training.streams import torch_generator

View = Literal["plain", "mirrored", "augmented"]
StrongView = Literal["policy", "cutout", "weak"]  # AutoAugment and a cut-out square, the square alone, neither


@dataclass(frozen=True, slots=True)
class Batch:
    """Some samples on one device: this rank's part of a batch."""

    inputs: Tensor  # (B, 3, S, S) or (B, D) float
    labels: Tensor  # (B,) given labels
    index: Tensor  # (B,) position in the Dataset
    row: Tensor  # (B,) row in this rank's part of the per-sample tables; the same as `index` where one rank has all
    share: float = 1.0  # of the whole batch; less where ranks divide it


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows of a whole batch are at hand."""

    whole: int  # rows of the whole batch
    mine: slice = field(default_factory=lambda: slice(None))


@dataclass(frozen=True, slots=True)
class Pixels:
    """Images as uint8 rows of pixels: on the device where they fit, else mapped from disk."""

    pixels: Tensor  # (N, S, S, 3) uint8 in Dataset order; with `rows`, (R, S, S, 3) on the host in any order
    size: int  # pixels of a side that the network sees, at most S
    scale: Tensor  # (3,) per channel, on the device: inputs = pixels * scale + shift
    shift: Tensor  # (3,)
    crop_padding: int  # pixels
    flip: bool
    rows: Tensor | None = None  # (N,) row of each sample, on the host; None = the pixels are on the device

    @property
    def is_resident(self) -> bool:
        """Whether fetching a batch is a matter of microseconds."""
        return self.rows is None

    def take(self, index: Tensor) -> Pixels:
        """Return the images at these positions."""
        if self.rows is None:
            return replace(self, pixels=self.pixels[index.to(self.pixels.device)])
        return replace(self, rows=self.rows[index.cpu()])

    def views(self) -> tuple[View, ...]:
        """The views that predictions are averaged over: mirror images only where training flips."""
        return ("plain", "mirrored") if self.flip else ("plain",)

    def fetch(self, index: Tensor) -> Tensor:
        """Return the raw (B, S, S, 3) images at positions on the host; on the device, or on their way to it."""
        if self.rows is None:
            return self.pixels.index_select(0, index.to(self.pixels.device, non_blocking=True))
        images = self.pixels.index_select(0, self.rows[index])  # reads from disk
        if self.scale.device.type == "cuda":
            return images.pin_memory().to(self.scale.device, non_blocking=True)
        return images.to(self.scale.device)

    def inputs(
        self, raw: Tensor, view: View, draw: torch.Generator, dtype: torch.dtype, part: Part | None = None
    ) -> Tensor:
        """Return (B, 3, size, size) normalised inputs of raw images, channels last in memory."""
        if view == "augmented":
            return self._normalised(self._augmented(raw, draw, part or Part(len(raw))), dtype)
        images = centre_crop(raw, self.size)
        return self._normalised(images.flip(2) if view == "mirrored" else images, dtype)

    def two_inputs(
        self, raw: Tensor, strong: StrongView, draw: torch.Generator, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Return augmented inputs, and the same images disturbed further; `weak` is another augmentation instead."""
        weak = self._augmented(raw, draw, Part(len(raw)))
        other = self._augmented(raw, draw, Part(len(raw))) if strong == "weak" else self._disturbed(weak, strong, draw)
        return self._normalised(weak, dtype), self._normalised(other, dtype)

    def _normalised(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        rows = images.reshape(len(images), -1).to(dtype)  # three channels at a time would take ten times as long
        scale, shift = (each.to(dtype).repeat(self.size**2) for each in (self.scale, self.shift))
        return torch.addcmul(shift, rows, scale).view(images.shape).permute(0, 3, 1, 2)

    def _augmented(
        self, images: Tensor, draw: torch.Generator, part: Part, *, crop_padding: int | None = None
    ) -> Tensor:
        B, device = part.whole, images.device  # drawn for the whole batch: the same whoever sees which part
        padding = self.crop_padding if crop_padding is None else crop_padding
        room = images.shape[1] + 2 * padding - self.size
        if room:
            offsets = torch.randint(0, room + 1, (B, 2), generator=draw)[part.mine]
            images = random_crop(images, offsets.to(device, non_blocking=True), padding=padding, size=self.size)
        if self.flip:
            chosen = (torch.rand(B, generator=draw) < 0.5)[part.mine]
            images = mirror(images, chosen)
        return images

    def _disturbed(self, images: Tensor, strong: StrongView, draw: torch.Generator) -> Tensor:
        """Return AutoAugment's policies, another crop and a cut-out square of half the side on top of it."""
        images = auto_augmented(images, draw) if strong == "policy" else images
        images = self._augmented(images, draw, Part(len(images)), crop_padding=max(1, self.size // 8))
        centres = torch.randint(0, self.size, (len(images), 2), generator=draw)
        return cut_out(images, centres.to(images.device), side=self.size // 2)


@dataclass(frozen=True, slots=True)
class VectorInputs:
    """Table rows or embeddings on the device."""

    values: Tensor  # (N, D) float32

    is_resident = True

    def take(self, index: Tensor) -> VectorInputs:
        """Return the vectors at these positions."""
        return VectorInputs(self.values[index.to(self.values.device)])

    def views(self) -> tuple[View, ...]:
        """The views that predictions are averaged over."""
        return ("plain",)

    def fetch(self, index: Tensor) -> Tensor:
        """Return the (B, D) vectors at positions on the host."""
        return self.values[index.to(self.values.device, non_blocking=True)]

    def inputs(
        self, raw: Tensor, view: View, draw: torch.Generator, dtype: torch.dtype, part: Part | None = None
    ) -> Tensor:
        """Return (B, D) inputs: vectors are not augmented."""
        del view, draw, part
        return raw.to(dtype)

    def two_inputs(
        self, raw: Tensor, strong: StrongView, draw: torch.Generator, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Return (B, D) inputs, and the same with noise on them unless the view is weak."""
        if strong == "weak":
            return raw.to(dtype), raw.to(dtype)
        noise = torch.randn(raw.shape, generator=draw).to(raw.device)
        return raw.to(dtype), (raw + _VECTOR_NOISE * raw.std(dim=0, correction=0) * noise).to(dtype)


_VECTOR_NOISE = 0.1  # of each column's deviation in the batch; chosen, not tuned

Inputs = Pixels | VectorInputs


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples of a scan with their given labels, on one device."""

    inputs: Inputs
    labels: Tensor  # (N,) int64
    batch_size: int
    dtype: torch.dtype  # of the inputs
    seed: int
    ranks: Ranks = ALONE  # who shares every batch

    def __len__(self) -> int:
        return len(self.labels)

    def steps(self, n: int | None = None) -> int:
        """Steps of one training epoch over n samples; None is all."""
        return len(list(_cuts(len(self) if n is None else n, self.batch_size, self.ranks.size)))

    def order(self, *stream: str | int) -> Tensor:
        """Return (N,) the random order of `shuffled`; of every `size` samples in a row, each rank sees one."""
        return torch.randperm(len(self), generator=torch_generator(self.seed, "order", *stream))

    def shuffled(self, *stream: str | int, among: Tensor | None = None) -> Iterator[Batch]:
        """Yield augmented batches in a random order that the named stream draws; every sample once over all ranks.

        With several ranks, `row` counts the samples that this rank has seen in the epoch.

        Args:
            *stream: names what is drawn.
            among: (N,) bool, the samples to yield, two for every rank or more; None is all.
        """
        draw = torch_generator(self.seed, "order", *stream)
        order = torch.randperm(len(self), generator=draw)
        if among is not None:
            order = order[among.cpu()[order]]
        cuts = list(_cuts(len(order), self.batch_size, self.ranks.size))
        yield from self._batches(order, cuts, [("augmented", draw)])

    def look(self, index: Tensor, view: View, draw: torch.Generator) -> Tensor:
        """Return the (B, ...) inputs of the samples at these positions under a view."""
        place = index if self.inputs.is_resident else index.cpu()
        return self.inputs.inputs(self.inputs.fetch(place), view, draw, self.dtype)

    def look_twice(self, index: Tensor, strong: StrongView, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the (B, ...) inputs of the samples at these positions, augmented, and disturbed beyond that."""
        place = index if self.inputs.is_resident else index.cpu()
        return self.inputs.two_inputs(self.inputs.fetch(place), strong, draw, self.dtype)

    def in_order(self, *views: View, stream: tuple[str | int, ...] = ()) -> Iterator[Batch]:
        """Yield batches in Dataset order; every rank gets the samples whose rows it has at home.

        Args:
            views: how to look at the samples; each batch of them is read once, and yielded once under every view.
            stream: names what a random view draws.
        """
        draws = [(view, torch_generator(self.seed, "view", view, *stream)) for view in views]
        size = max(self.batch_size, 256)  # no gradients are kept: larger batches fit
        cuts = [(start, min(start + size, len(self))) for start in range(0, len(self), size)]
        yield from self._batches(torch.arange(len(self)), cuts, draws)

    def _batches(
        self, order: Tensor, cuts: list[tuple[int, int]], views: Sequence[tuple[View, torch.Generator]]
    ) -> Iterator[Batch]:
        rank, size = self.ranks.rank, self.ranks.size
        firsts = [start + (rank - start) % size for start, _ in cuts]  # this rank's first place in each batch
        parts = [order[first:stop:size] for first, (_, stop) in zip(firsts, cuts, strict=True)]
        if not len(parts[-1]):  # only the last batch of `in_order` can be that small
            del parts[-1]
        for first, (start, stop), (index, raw) in zip(firsts, cuts, self._fetched(parts), strict=False):
            there = index.to(self.labels.device, non_blocking=True)
            row = there if size == 1 else torch.arange(first // size, first // size + len(index), device=there.device)
            part = Part(stop - start, slice(first - start, None, size))
            for view, draw in views:
                inputs = self.inputs.inputs(raw, view, draw, self.dtype, part)
                yield Batch(inputs, self.labels[there], there, row, share=len(index) / (stop - start))

    def _fetched(self, parts: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield positions with their raw samples; what comes from disk is read while the network is busy."""
        if self.inputs.is_resident:
            yield from ((part, self.inputs.fetch(part)) for part in parts)
            return
        with ThreadPoolExecutor(1) as reader:
            coming = deque((part, reader.submit(self.inputs.fetch, part)) for part in parts[:_READ_AHEAD])
            for place in range(len(parts)):
                if place + _READ_AHEAD < len(parts):
                    part = parts[place + _READ_AHEAD]
                    coming.append((part, reader.submit(self.inputs.fetch, part)))
                index, raw = coming.popleft()
                yield index, raw.result()


_READ_AHEAD = 4  # batches


def _cuts(n: int, size: int, ranks: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of n samples in equal batches.

    A last batch of less than two samples a rank joins the one before: batch norm, and no rank is left without work.
    """
    steps = max(1, n // size if n % size < 2 * ranks else n // size + 1)
    for step in range(steps):
        start = step * size
        yield start, n if step == steps - 1 else start + size
