"""The user's copy of a published dataset as a paper used it: which classes, which images are trusted or held out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import Dataset, IntN, Remark
from labelaudit.core.errors import ConfigError, DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.core.seeds import numpy_generator, stream_seed
from labelaudit.lab.label_files import read_labels_file
from labelaudit.lab.planting import NoiseEvidence, noisy_dataset, plant_noise
from labelaudit.lab.published_tables import Setting, imagenet_classes
from labelaudit.noise.plant import wrong_rate
from labelaudit.sources.downsampled_imagenet import N_CLASSES
from labelaudit.sources.read import read_dataset
from labelaudit.sources.webvision import read_webvision

_HELD_OUT = 0.1  # of the training samples, as S0 (arXiv:2007.00151) chose its epoch on CIFAR: 45,000 and 5,000
_HOLDING_OUT = ("elr", "elr+")
_WEBVISION_CLASSES = 50
# dataset -> classes, and training images of the published runs
_SIZES = {
    "cifar10": (10, 50_000),
    "cifar10n": (10, 50_000),
    "cifar100": (100, 50_000),
    "cifar100n": (100, 50_000),
    "tinyimagenet": (200, 100_000),
    "clothing1m": (14, 1_000_000),
}
# which column of the official files of CIFAR-N (one for ten classes, one for a hundred) a setting is about
_LABEL_COLUMNS = {
    "aggregate": "aggre_label",
    "random1": "random_label1",
    "random2": "random_label2",
    "random3": "random_label3",
    "worst": "worse_label",
    "noisy": "noisy_label",
}


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on, what the epoch may be chosen by, and what is tested on."""

    train: Dataset  # with noise
    held_out: Dataset | None  # with the same noise
    test: Dataset
    wrong: float | None  # share of the training labels that are wrong; None where the truth is not known


def read_published_split(setting: Setting, data: Path, *, seed: int) -> tuple[Dataset, Dataset]:
    """Return the training and the test samples of a setting, with the classes of the paper and no noise yet.

    Args:
        setting: which dataset, and how many samples of it are trusted.
        data: the user's copy.
        seed: of the draw of trusted samples.

    Raises:
        ConfigError: the data has no test split.
        DataError: it is another dataset.
    """
    if setting.dataset in ("webvision50", "webvision-mini"):
        engines = ("google",) if setting.dataset == "webvision-mini" else ("google", "flickr")
        train, test = (
            read_webvision(data, split, engines=engines, first_classes=_WEBVISION_CLASSES) for split in ("train", "val")
        )
    else:
        train, test = read_dataset(data, DataSettings(split="train")), _read_test(data)
    if setting.dataset in ("imagenet32", "imagenet64"):
        _require_classes(setting, train, N_CLASSES)
        inside = imagenet_classes()
        others = [number for number in range(N_CLASSES) if number not in inside]
        is_open = setting.noise.startswith("open")
        train = _with_classes(train, [*inside, *others] if is_open else inside)
        test = _with_classes(test, inside)
    else:
        _require_classes(setting, train, _SIZES.get(setting.dataset, (train.n_classes, 0))[0])
        test = _labelled_as(test, train)
    return with_trusted(_said_size(setting, train), setting.trusted_per_class, seed=seed), test


def with_published_noise(
    setting: Setting, train: Dataset, test: Dataset, *, seed: int, labels: str | None, evidence: NoiseEvidence
) -> Split:
    """Return the samples with the noise of a setting.

    Args:
        setting: what to plant, and how many samples are held out.
        train: with true labels; those of trusted samples stay.
        test: is left as it is.
        seed: of every draw.
        labels: "FILE" or "FILE:COLUMN" of noisy labels, for settings whose noise is not planted.
        evidence: asked for what the noise needs.

    Raises:
        ConfigError: a file of labels is needed and not given, or given and not needed.
    """
    text = setting.planted
    if labels is not None and text is not None:
        raise ConfigError(f"{setting.name}: its noise is planted.", hint="Leave --labels out.")
    if labels is None and text is None:
        raise ConfigError(f"{setting.name}: its noisy labels come from a file.", hint="Name it with --labels FILE.")
    if labels is not None:
        given = read_labels_file(_with_column(labels, setting), train)
        given = np.where(train.trusted, train.given, given)  # what is trusted is right, whatever the file says
        return Split(dataclasses.replace(train, given=given), None, test, wrong_rate(given, train.given))
    assert text is not None
    inside, outside = _held_out(setting, train, seed=seed)
    planted = plant_noise(inside, text, seed=seed, evidence=evidence, exact=setting.is_exact)
    held_out = None
    if outside is not None:
        own_seed = stream_seed(seed, "held out")
        theirs = plant_noise(outside, text, seed=own_seed, evidence=evidence, exact=setting.is_exact)
        held_out = noisy_dataset(outside, theirs)
    return Split(noisy_dataset(inside, planted), held_out, test, None if setting.noise == "real" else planted.rate)


def with_trusted(dataset: Dataset, per_class: int, *, seed: int) -> Dataset:
    """Return the dataset with some samples of each class trusted: their labels stay right."""
    trusted = np.zeros(len(dataset), dtype=np.bool_)
    trusted[_drawn(dataset, lambda _: per_class, seed, "trusted")] = True
    return dataclasses.replace(dataset, trusted=trusted)


def _read_test(data: Path) -> Dataset:
    try:
        return read_dataset(data, DataSettings(split="test"))
    except ConfigError:
        return read_dataset(data, DataSettings(split="val"))


def _require_classes(setting: Setting, train: Dataset, n_classes: int) -> None:
    if train.n_classes != n_classes:
        raise DataError(
            f"{train.source}: {train.n_classes:,} classes, but {setting.dataset} has {n_classes:,}:"
            f" {shorten(train.classes)}.",
            hint=f"Give the folder of {setting.dataset} with --data.",
        )


def _said_size(setting: Setting, train: Dataset) -> Dataset:
    published = _SIZES.get(setting.dataset, (0, len(train)))[1]
    if len(train) == published:
        return train
    text = f"{len(train):,} training images; the published figures are of {published:,}: they cannot be compared."
    return train.with_remarks(Remark("warning", text))


def _with_classes(dataset: Dataset, order: Sequence[int]) -> Dataset:
    """Return the samples of these classes, which are numbered in this order."""
    place = np.full(dataset.n_classes, -1, dtype=np.int64)
    place[list(order)] = np.arange(len(order))
    kept = _taken(dataset, np.flatnonzero(place[dataset.given] >= 0))
    classes = tuple(dataset.classes[number] for number in order)
    return dataclasses.replace(kept, given=place[kept.given], classes=classes)


def _labelled_as(test: Dataset, train: Dataset) -> Dataset:
    """Return the test samples with their classes numbered as in training."""
    place = {name: number for number, name in enumerate(train.classes)}
    unknown = [name for name in test.classes if name not in place]
    if unknown:
        raise DataError(f"{test.source}: test classes that training does not have: {shorten(map(repr, unknown))}.")
    numbers = np.array([place[name] for name in test.classes], dtype=np.int64)
    return dataclasses.replace(test, given=numbers[test.given], classes=train.classes)


def _held_out(setting: Setting, train: Dataset, *, seed: int) -> tuple[Dataset, Dataset | None]:
    """Return the samples to train on, and those by which the epoch is chosen where the paper did so."""
    if setting.method not in _HOLDING_OUT or setting.dataset not in ("cifar10", "cifar100"):
        return train, None
    chosen = _drawn(train, lambda n: max(1, round(_HELD_OUT * n)), seed, "held out")
    return _taken(train, np.setdiff1d(np.arange(len(train)), chosen)), _taken(train, chosen)


def _drawn(dataset: Dataset, size: Callable[[int], int], seed: int, stream: str) -> IntN:
    """Return, in order, the positions of some samples of each class."""
    draw, chosen = numpy_generator(seed, stream), []
    for label in range(dataset.n_classes):
        mine = np.flatnonzero(dataset.given == label)
        chosen.append(draw.permutation(mine)[: size(len(mine))])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _taken(dataset: Dataset, rows: IntN) -> Dataset:
    return dataclasses.replace(
        dataset,
        sample_ids=tuple(dataset.sample_ids[i] for i in rows),
        paths=tuple(dataset.paths[i] for i in rows),
        given=dataset.given[rows],
        content=dataset.content.take(rows),
        trusted=dataset.trusted[rows],
    )


def _with_column(labels: str, setting: Setting) -> str:
    """Return the file with the column that the setting is about, unless one is named or there is no choice."""
    column = _LABEL_COLUMNS.get(setting.noise)
    file = Path(labels).expanduser()
    return f"{labels}:{column}" if column is not None and file.suffix == ".pt" and file.exists() else labels
