"""From a dataset to samples on a device: decode, set unreadable files aside, find twins, normalise; what changed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelaudit.core.dataset import (
    BoolN,
    Dataset,
    FloatND,
    ImageFiles,
    Images,
    Probabilities,
    SetAside,
    Texts,
    Vectors,
)
from labelaudit.core.errors import DataError, count, shorten
from labelaudit.core.events import EventSink, Said, SamplesDone, StageFinished, StageStarted
from labelaudit.core.installed import pip_install
from labelaudit.core.model_facts import ImageFacts
from labelaudit.core.recipe import DataSettings, Recipe, TrainSettings
from labelaudit.encoders.registry import ENCODERS, STATIC_TEXT_ENCODER, is_installed
from labelaudit.functional.images import hash_content
from labelaudit.functional.near import HashN, near_row_hashes
from labelaudit.sources.probe import find_duplicates
from labelaudit.training.batches import Inputs, Pixels, VectorInputs
from labelaudit.training.decode import DecodedImages, decode_images
from labelaudit.training.device import holds
from labelaudit.training.model_file import FrozenFeatures
from labelaudit.training.pixel_store import PixelStore

# Channel means and deviations on a 0..1 scale. CIFAR: as in the published DRPL code; ImageNet: the usual; Clothing1M:
# as in the published code of ELR; halves: inputs of -1 to 1, as in that of IEG.
NORMALISATIONS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clothing1m": ((0.6959, 0.6537, 0.6371), (0.3113, 0.3192, 0.3214)),
    "halves": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
CHANGED, GONE = "changed after it was read", "removed after it was read"  # details of a finding
_NOT_THERE = (-1, -1)
_STATISTICS_SAMPLE = 10_000  # images that the dataset's own channel statistics are taken from
_STATISTICS_SIDE = 32  # pixels of each of them, evenly spaced: all of a photograph's would take seconds and add nothing


@dataclass(frozen=True, slots=True)
class Loaded:
    """A dataset whose every remaining sample can be trained on."""

    dataset: Dataset
    inputs: Inputs | None  # None for probabilities: there is nothing to train
    content_hashes: tuple[str, ...]  # (N,)
    conflict: BoolN  # (N,) has a twin under another label
    details: tuple[str, ...]  # (N,) what is odd about the sample, mostly empty
    near_hashes: HashN | None = None  # (N,) nearly equal for near duplicates; None for probabilities
    images: ImageFacts | None = None  # how they became inputs, where they are images
    vectors: Tensor | None = None  # (N, D) what an encoder makes of them, for methods that look first
    frozen: FrozenFeatures | None = None  # whose features the inputs are, where a backbone is frozen


def load_inputs(
    dataset: Dataset, recipe: Recipe, device: torch.device, on_event: EventSink, *, cache: Path | None = None
) -> Loaded:
    """Bring the samples to the device.

    Args:
        dataset: what to load.
        recipe: image size, crop and normalisation.
        device: where to.
        on_event: told about progress, broken files and twins.
        cache: folder that keeps decoded pixels for the next scan; None keeps none.

    Raises:
        DataError: nothing can be read, or one class is left.
    """
    content = dataset.content
    if isinstance(content, Images):
        return _load_images(dataset, recipe, device, on_event, cache)
    if isinstance(content, Texts):
        return _load_texts(dataset, content, recipe, device, on_event)
    hashes = content.row_hashes if isinstance(content, Vectors) else ()
    hashes = hashes or _row_hashes(content.values)
    inputs = VectorInputs(torch.from_numpy(content.values).to(device)) if isinstance(content, Vectors) else None
    # equal rows of a coarse table are common and mean nothing; equal embeddings come from equal inputs
    twins = hashes if not isinstance(content, Probabilities) and content.kind == "embeddings" else ()
    near = near_row_hashes(content.values) if isinstance(content, Vectors) else None
    return replace(_loaded(dataset, inputs, hashes, twins, {}, on_event), near_hashes=near)


def _load_texts(dataset: Dataset, content: Texts, recipe: Recipe, device: torch.device, on_event: EventSink) -> Loaded:
    """Return texts as vectors of their own terms, beside static word vectors where these are installed."""
    from labelaudit.encoders.text import text_vectors  # scikit-learn: only texts wait for it

    started, static = time.monotonic(), is_installed(ENCODERS[STATIC_TEXT_ENCODER])
    on_event(StageStarted("encode", "Turn the texts into vectors", len(dataset)))
    if not static:
        on_event(Said("note", f"texts are judged by their own words; {pip_install('text')} adds word vectors"))
    vectors = text_vectors(content.values, seed=recipe.seed, static=static)
    on_event(StageFinished("encode", time.monotonic() - started))
    hashes = tuple(hash_content(text.encode()) for text in content.values)
    return _loaded(dataset, VectorInputs(torch.from_numpy(vectors).to(device)), hashes, hashes, {}, on_event)


def _load_images(
    dataset: Dataset, recipe: Recipe, device: torch.device, on_event: EventSink, cache: Path | None
) -> Loaded:
    content = dataset.content
    size = recipe.data.image_size
    if size is None or not isinstance(content, Images):
        raise ValueError("images need a resolved image size")
    with PixelStore(cache, size + recipe.train.crop_margin, framing=recipe.train.framing) as store:
        decoded = decode_with_progress(content, dataset.paths, store, on_event)
        bad = _unreadable(dataset, decoded, on_event)
        settings = recipe.train
        means, deviations = channel_statistics(decoded.pixels, decoded.rows, settings)
        facts = ImageFacts(size, settings.crop_margin, means, deviations, settings.flip, settings.framing)
        inputs = pixels_on_device(decoded, facts, device, crop_padding=settings.crop_padding)
    odd = dict(decoded.warnings)
    kept = np.setdiff1d(np.arange(len(dataset)), [index for index, _ in bad])
    details = {place: odd[index] for place, index in enumerate(kept.tolist()) if index in odd}
    loaded = _loaded(dataset.without(bad), inputs, decoded.content_hashes, decoded.pixel_hashes, details, on_event)
    return replace(loaded, near_hashes=decoded.near_hashes, images=facts)


def pixels_on_device(
    decoded: DecodedImages, facts: ImageFacts, device: torch.device, *, crop_padding: int = 0
) -> Pixels:
    """Return the images on the device where they fit there, else as they are mapped from disk."""
    scale = torch.tensor([1.0 / (255.0 * deviation) for deviation in facts.deviations])
    shift = torch.tensor([-mean / deviation for mean, deviation in zip(facts.means, facts.deviations, strict=True)])
    pixels, rows = torch.from_numpy(decoded.pixels), torch.from_numpy(decoded.rows)
    resident = holds(device, len(rows) * decoded.pixels[:1].nbytes)
    if resident and device.type == "cpu" and _is_run(decoded.rows):  # the mapped file is where a copy would be
        pixels = pixels[int(rows[0]) : int(rows[0]) + len(rows)]
    elif resident:  # block by block: the host need not have room for what the device has
        mapped, pixels = pixels, torch.empty((len(rows), *pixels.shape[1:]), dtype=pixels.dtype, device=device)
        block = max(1, 2**26 // max(1, mapped[:1].nbytes))  # images in 64 MiB
        for start in range(0, len(rows), block):
            part = slice(start, start + block)
            pixels[part] = mapped[rows[part]].to(device)
    return Pixels(
        pixels=pixels,
        rows=None if resident else rows,
        size=facts.size,
        scale=scale.to(device),
        shift=shift.to(device),
        crop_padding=crop_padding,
        flip=facts.flip,
    )


def _is_run(rows: NDArray[np.int64]) -> bool:
    """Whether the rows follow one another, as in the cache of a scan that decoded all of them."""
    return bool((np.diff(rows) == 1).all())


def _unreadable(dataset: Dataset, decoded: DecodedImages, on_event: EventSink) -> list[tuple[int, SetAside]]:
    """Return the images that failed as rows to set aside, and say which."""
    bad = [
        (index, SetAside(dataset.sample_ids[index], dataset.paths[index], _label(dataset, index), "unreadable", reason))
        for index, reason in decoded.failures
    ]
    if len(bad) == len(dataset):
        first = bad[0][1]
        raise DataError(f"{dataset.source}: none of the {len(bad):,} images can be read; {first.path}: {first.detail}.")
    if bad:
        names = shorten(f"{row.path} ({row.detail})" for _, row in bad)
        on_event(Said("warning", f"{count(len(bad), 'image')} cannot be read, set aside: {names}"))
    return bad


def decode_with_progress(
    content: Images, paths: Sequence[str], store: PixelStore, on_event: EventSink
) -> DecodedImages:
    """Return the decoded images, telling how it goes."""
    started, told, done = time.monotonic(), 0.0, 0

    def tell(n: int) -> None:
        nonlocal told, done
        done += n
        if time.monotonic() - told > 0.2:  # seconds between progress events
            told = time.monotonic()
            on_event(SamplesDone("decode", done))

    on_event(StageStarted("decode", "Read the images", len(content)))
    decoded = decode_images(content, paths, store, on_samples=tell)
    if decoded.reused:
        on_event(Said("note", f"{count(decoded.reused, 'image')} decoded by an earlier scan"))
    on_event(StageFinished("decode", time.monotonic() - started))
    return decoded


def channel_statistics(
    pixels: NDArray[np.uint8], rows: NDArray[np.int64], settings: TrainSettings
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the means and deviations of the three channels on a 0..1 scale.

    Args:
        pixels: (R, S, S, 3).
        rows: (N,) row of each sample; an evenly spaced sample of 10,000 is looked at, and of each about 32 x 32 pixels.
        settings: `normalise` names fixed values, or "dataset" for those of these pixels.
    """
    if settings.normalise != "dataset":
        return NORMALISATIONS[settings.normalise]
    chosen = rows[:: max(1, len(rows) // _STATISTICS_SAMPLE)]
    step = max(1, pixels.shape[1] // _STATISTICS_SIDE)
    counts = np.zeros((3, 256), dtype=np.int64)  # how often each channel has each value
    for start in range(0, len(chosen), 256):
        values = pixels[chosen[start : start + 256], ::step, ::step].reshape(-1, 3)
        counts += [np.bincount(channel, minlength=256) for channel in values.T]
    shares, levels = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255.0
    means = shares @ levels
    deviations = np.sqrt(np.maximum(shares @ levels**2 - means**2, 1e-4))  # a constant channel must not divide by zero
    return tuple(means.tolist()), tuple(deviations.tolist())


@dataclass(frozen=True, slots=True)
class Watch:
    """Size and time of change of files, as they were at one moment."""

    paths: tuple[str, ...]
    seen: tuple[tuple[int, int], ...]  # bytes, nanoseconds; (-1, -1) = not there

    def changes(self) -> dict[int, str]:
        """Return what became of those that are not as they were, by their place."""
        now = _moments(self.paths)
        return {
            place: GONE if after == _NOT_THERE else CHANGED
            for place, (before, after) in enumerate(zip(self.seen, now, strict=True))
            if before != after
        }


def watch(paths: Iterable[str]) -> Watch:
    """Return how files are now."""
    names = tuple(paths)
    return Watch(names, tuple(_moments(names)))


def watch_tables(source: Path | str, settings: DataSettings) -> Watch:
    """Return how the files are now that a dataset is read from as a whole: its table, vectors, probabilities."""
    named = (source, settings.probs, settings.embeddings)
    return watch(str(each) for each in named if each is not None and Path(each).is_file())


def watch_images(dataset: Dataset) -> Watch:
    """Return how the image files of a dataset are now, in its order; none where it has others."""
    return watch(dataset.content.texts() if isinstance(dataset.content, ImageFiles) else ())


def with_changes(loaded: Loaded, read: Dataset, tables: Watch, images: Watch, on_event: EventSink) -> Loaded:
    """Return the samples with a detail on those whose file is not what was scanned any more, and say so.

    Args:
        loaded: what was scanned.
        read: the dataset as it was read, with those that were set aside since; `images` is in its order.
        tables: files that were read as a whole.
        images: one file each.
        on_event: told.
    """
    for path in (tables.paths[place] for place in tables.changes()):
        text = f"{path} was changed while it was scanned: the findings are about what it was when the scan began"
        on_event(Said("warning", text))
    changes = images.changes()
    if not changes:
        return loaded
    what = {read.sample_ids[place]: text for place, text in changes.items()}
    names = shorten(f"{read.paths[place]} ({text})" for place, text in changes.items())
    said = f"{count(len(changes), 'image')} did not stay as scanned; findings are about what was read: {names}"
    on_event(Said("warning", said))
    details = [
        "; ".join(filter(None, (detail, what.get(sample))))
        for detail, sample in zip(loaded.details, loaded.dataset.sample_ids, strict=True)
    ]
    return replace(loaded, details=tuple(details))


def _loaded(
    dataset: Dataset,
    inputs: Inputs | None,
    hashes: tuple[str, ...],
    twin_hashes: tuple[str, ...],
    details: dict[int, str],
    on_event: EventSink,
) -> Loaded:
    left = int((dataset.class_counts() > 0).sum())
    if left < 2:
        raise DataError(
            f"{dataset.source}: only one class has readable samples; there is nothing to confuse it with.",
            hint="See the files that were set aside with labelaudit inspect.",
        )
    conflict = np.zeros(len(dataset), dtype=bool)
    if twin_hashes:
        group, conflict = find_duplicates(twin_hashes, dataset.given)
        details = {**details, **_twin_details(dataset, group, conflict)}
    if conflict.any():
        on_event(
            Said("warning", f"{int(conflict.sum()):,} samples have an exact twin under another label: review them")
        )
    return Loaded(dataset, inputs, hashes, conflict, tuple(details.get(i, "") for i in range(len(dataset))))


def _twin_details(dataset: Dataset, group: NDArray[np.int64], conflict: BoolN) -> dict[int, str]:
    """Return for each conflicting sample the twins that contradict it."""
    members: dict[int, list[int]] = {}
    for index in np.flatnonzero(conflict).tolist():
        members.setdefault(int(group[index]), []).append(index)
    details = {}
    for twins in members.values():
        for index in twins:
            others = [i for i in twins if dataset.given[i] != dataset.given[index]]
            names = shorten((f"{dataset.paths[i]} ({_label(dataset, i)})" for i in others), show=3)
            details[index] = f"same content as {names}"
    return details


def _row_hashes(values: FloatND) -> tuple[str, ...]:
    """Return (N,) hashes of the rows' bytes."""
    rows = np.ascontiguousarray(values)
    return tuple(hashlib.sha256(row.tobytes()).hexdigest()[:32] for row in rows)


def _label(dataset: Dataset, index: int) -> str:
    return dataset.classes[int(dataset.given[index])]


def _moments(paths: Sequence[str]) -> list[tuple[int, int]]:
    return [_moment(path) for path in paths]


def _moment(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  (a Path for each of a million files takes longer than the question)
    except OSError:
        return _NOT_THERE
    return found.st_size, found.st_mtime_ns
