"""The user's copy of a published dataset as a paper used it: which classes, which images are trusted or held out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import BoolN, Dataset, IntN, Remark
from labelaudit.core.errors import ConfigError, DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.core.seeds import numpy_generator, stream_seed
from labelaudit.lab.joined_content import joined_content
from labelaudit.lab.label_files import read_labels_file
from labelaudit.lab.planting import NoiseEvidence, noisy_dataset, plant_noise
from labelaudit.lab.published_tables import FROM_ELSEWHERE, Setting, imagenet_classes
from labelaudit.noise.plant import wrong_rate
from labelaudit.sources.downsampled_imagenet import N_CLASSES
from labelaudit.sources.read import read_dataset
from labelaudit.sources.webvision import read_webvision

_HELD_OUT = 0.1  # of the training samples, as S0 (arXiv:2007.00151) chose its epoch on CIFAR: 45,000 and 5,000
_WEBVISION: dict[str, tuple[tuple[str, ...], int | None]] = {  # engines, and how many classes
    "webvision50": (("google", "flickr"), 50),
    "webvision-mini": (("google",), 50),
    "webvision": (("google", "flickr"), None),
}
FOREIGN = "foreign"  # class of what an open set puts in the place of images
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
class Sources:
    """The user's copy of a published dataset, and what else a setting is made from."""

    data: Path  # in its published layout, or folders of classes below train/ and test/
    labels: str | None = None  # "FILE" or "FILE:COLUMN" of noisy labels made by people
    confusion: str | None = None  # file of a confusion matrix; None = that of a classifier
    others: tuple[Path, ...] = ()  # folders of foreign images, for open-set noise that comes from elsewhere
    trusted: Path | None = None  # class folders of images whose labels are right, where the data has none
    imagenet_val: Path | None = None  # ImageNet's validation images in class folders, to be tested on as well


@dataclass(frozen=True, slots=True)
class Clean:
    """The samples of a setting before its noise."""

    train: Dataset
    test: Dataset
    other_test: Dataset | None  # ImageNet's validation images, for those that learn from WebVision


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on, what the epoch may be chosen by, and what is tested on."""

    train: Dataset  # with noise
    held_out: Dataset | None  # with the same noise
    test: Dataset
    wrong: float | None  # share of the training labels that are wrong; None where the truth is not known
    is_wrong: BoolN | None = None  # (N,) which
    true: IntN | None = None  # (N,) the labels before the noise; -1 where the image is foreign


def read_published_split(setting: Setting, sources: Sources, *, seed: int) -> Clean:
    """Return the training and the test samples of a setting, with the classes of the paper and no noise yet.

    Args:
        setting: which dataset, and how many samples of it are trusted.
        sources: the user's copies.
        seed: of the draw of trusted samples and of foreign images.

    Raises:
        ConfigError: the data has no test split, or a folder is missing that the setting needs.
        DataError: it is another dataset.
    """
    data, is_webvision = sources.data, setting.dataset in _WEBVISION
    if is_webvision:
        engines, first = _WEBVISION[setting.dataset]
        train, test = (read_webvision(data, split, engines=engines, first_classes=first) for split in ("train", "val"))
    else:
        train, test = read_dataset(data, DataSettings(split="train")), _read_test(data)
    if setting.dataset in ("imagenet32", "imagenet64"):
        _require_classes(setting, train, N_CLASSES)
        train, test = _with_classes(train, imagenet_order(setting)), _with_classes(test, imagenet_classes())
    else:
        _require_classes(setting, train, _SIZES.get(setting.dataset, (train.n_classes, 0))[0])
        test = _labelled_as(test, train)
    train = _said_size(setting, train)
    other_test = None
    if sources.imagenet_val is not None and is_webvision:
        other_test = by_synset(read_dataset(sources.imagenet_val, DataSettings(split="all")), train.classes)
    if setting.noise in FROM_ELSEWHERE:
        train = with_foreign(train, _foreign(setting, sources), seed=seed)
    if is_webvision and setting.trusted_per_class:
        return Clean(_with_trusted_images(setting, train, sources, seed=seed), test, other_test)
    own = train.n_classes - (setting.noise in FROM_ELSEWHERE)  # foreign images are never trusted
    return Clean(with_trusted(train, setting.trusted_per_class, seed=seed, n_classes=own), test, other_test)


def imagenet_order(setting: Setting) -> list[int]:
    """Return the classes of ImageNet32 and ImageNet64 as a setting numbers them, by their number in the files.

    The 100 that are trained on come first; the others follow where their images are planted.
    """
    inside = list(imagenet_classes())
    others = [number for number in range(N_CLASSES) if number not in set(inside)]
    return [*inside, *others] if setting.noise.startswith("open") else inside


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
        noisy = dataclasses.replace(train, given=given)
        return Split(noisy, None, test, wrong_rate(given, train.given), given != train.given, train.given)
    assert text is not None
    inside, outside = _held_out(setting, train, seed=seed)
    planted = plant_noise(inside, text, seed=seed, evidence=evidence, exact=setting.is_exact)
    held_out = None
    if outside is not None:
        own_seed = stream_seed(seed, "held out")
        theirs = plant_noise(outside, text, seed=own_seed, evidence=evidence, exact=setting.is_exact)
        held_out = noisy_dataset(outside, theirs)
    noisy = noisy_dataset(inside, planted)
    if setting.noise == "real":
        return Split(noisy, held_out, test, None)
    return Split(noisy, held_out, test, planted.rate, planted.wrong, planted.true)


def with_trusted(dataset: Dataset, per_class: int, *, seed: int, n_classes: int | None = None) -> Dataset:
    """Return the dataset with some samples of each class (of the first so many) trusted: their labels stay right."""
    trusted = np.zeros(len(dataset), dtype=np.bool_)
    drawn = _drawn(dataset, lambda _: per_class, seed, "trusted")
    trusted[drawn[dataset.given[drawn] < (n_classes or dataset.n_classes)]] = True
    return dataclasses.replace(dataset, trusted=trusted)


def with_foreign(dataset: Dataset, others: Sequence[Dataset], *, seed: int) -> Dataset:
    """Return the dataset with foreign images as one class more, as many from each of the others."""
    n = min(map(len, others))
    for number, other in enumerate(others):
        rows = np.sort(numpy_generator(seed, "foreign", number).permutation(len(other))[:n]).astype(np.int64)
        foreign = _taken(other, rows)
        labels = np.full(len(foreign), dataset.n_classes - bool(number), dtype=np.int64)
        classes = dataset.classes if number else (*dataset.classes, FOREIGN)
        dataset = dataclasses.replace(dataset, classes=classes)
        dataset = joined_images(dataset, foreign, labels, prefix=f"{FOREIGN}{number + 1}")
    return dataset


def by_synset(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """Return the samples of folders such as n01440764, labelled as the class whose name begins so.

    Raises:
        DataError: no folder is one of the classes.
    """
    place = {name.split()[0]: number for number, name in enumerate(classes)}
    labels = np.array([place.get(name.split()[0], -1) for name in dataset.classes], dtype=np.int64)
    kept = np.flatnonzero(labels[dataset.given] >= 0)
    if not len(kept):
        raise DataError(
            f"{dataset.source}: no class of {shorten(map(repr, dataset.classes))} is one of {shorten(classes)}.",
            hint="Its class folders are called as in WebVision's synsets.txt: n01440764, n01443537, ...",
        )
    few = _taken(dataset, kept)
    return dataclasses.replace(few, given=labels[few.given], classes=tuple(classes))


def joined_images(dataset: Dataset, other: Dataset, labels: IntN, *, prefix: str, trusted: bool = False) -> Dataset:
    """Return a dataset of images with those of another one behind its own, under these labels."""
    content = joined_content(dataset.content, other.content)
    return dataclasses.replace(
        dataset,
        sample_ids=(*dataset.sample_ids, *(f"{prefix}/{name}" for name in other.sample_ids)),
        paths=(*dataset.paths, *(f"{prefix}/{name}" for name in other.paths)),
        given=np.concatenate([dataset.given, labels]),
        trusted=np.concatenate([dataset.trusted, np.full(len(other), trusted, dtype=np.bool_)]),
        content=content,
    )


def _foreign(setting: Setting, sources: Sources) -> list[Dataset]:
    """Return the datasets that foreign images come from."""
    wanted = 2 if setting.noise == "open-both" else 1
    if len(sources.others) != wanted:
        what = "CIFAR-100 and ImageNet" if wanted == 2 else setting.noise.removeprefix("open-")
        raise ConfigError(
            f"{setting.name}: its foreign images come from {what}: {wanted} folder(s), not {len(sources.others)}.",
            hint="Name each with --others DIR.",
        )
    return [read_dataset(path, DataSettings(split="train")) for path in sources.others]


def _with_trusted_images(setting: Setting, train: Dataset, sources: Sources, *, seed: int) -> Dataset:
    """Return web images with some that are trusted behind them: in the web nobody vouches for a label."""
    if sources.trusted is None:
        raise ConfigError(
            f"{setting.name}: its trusted images come from ImageNet, {setting.trusted_per_class} of each class.",
            hint="Name the class folders with --trusted DIR.",
        )
    right = by_synset(read_dataset(sources.trusted, DataSettings(split="train")), train.classes)
    few = _taken(right, _drawn(right, lambda _: setting.trusted_per_class, seed, "trusted"))
    return joined_images(train, few, few.given, prefix="trusted", trusted=True)


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
    if not setting.holds_out:
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
