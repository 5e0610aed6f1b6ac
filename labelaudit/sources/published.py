"""Datasets in the layout that they are published in, told by their files."""

from __future__ import annotations

from pathlib import Path

from labelaudit.core.dataset import Dataset
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.cifar import find_cifar
from labelaudit.sources.clothing1m import find_clothing1m
from labelaudit.sources.downsampled_imagenet import find_downsampled_imagenet
from labelaudit.sources.tiny_imagenet import find_tiny_imagenet
from labelaudit.sources.webvision import find_webvision

_FINDERS = (find_cifar, find_downsampled_imagenet, find_webvision, find_clothing1m, find_tiny_imagenet)


def read_published(source: Path, settings: DataSettings) -> Dataset | None:
    """Return the samples of a folder in a known published layout, with a remark that says which; else None.

    Raises:
        ConfigError: there is no such split.
        DataError: a file of the layout is missing or damaged.
    """
    for find in _FINDERS:
        read = find(source)
        if read is not None:
            return read(settings)
    return None
