"""A table in several Parquet files, with images in a column that are read row group by row group."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from urllib.parse import unquote

import pyarrow as pa

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import Dataset, Remark, SetAside
from labelaudit.core.errors import shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.parquet_file import read_light
from labelaudit.sources.shards import Shards
from labelaudit.sources.splits import ALL_SPLITS
from labelaudit.sources.store import Store
from labelaudit.sources.table import table_dataset
from labelaudit.sources.table_file import Table


def read_parquet_shards(shards: Shards, settings: DataSettings, store: Store) -> Dataset:
    """Return the samples of Parquet shards; a shard that cannot be read is put aside, with a warning.

    Raises:
        DataError: no shard can be read, or they have different columns.
        ConfigError: a column that the settings name does not exist.
    """
    light = read_light(shards.files, store)
    broken = [
        SetAside(shards.names[position], shards.names[position], None, "unreadable", problem.problem)
        for position, problem in light.broken
    ]
    table = Table(
        source=shards.source,
        columns={**partitions(shards.names, light.file_of), **light.columns},
        lines=light.lines,
        store=store,
        class_names=light.class_names,
        streamed=light.streamed,
        shard_names=tuple(shards.names[position] for position in light.file_of),
        set_aside=tuple(broken),
    )
    if shards.split is not None:  # the files are the split
        settings = dataclasses.replace(settings, split=ALL_SPLITS)
    dataset = table_dataset(table, settings)
    remarks = [Remark("note", f"{len(shards.files):,} Parquet shards."), *_broken_remarks(broken)]
    return dataclasses.replace(
        dataset, split=shards.split or dataset.split, remarks=(*shards.remarks, *remarks, *dataset.remarks)
    )


def partitions(names: Sequence[str], file_of: IntN) -> dict[str, pa.ChunkedArray]:
    """Return the columns that folders called key=value stand for, where they differ: label=cat/0.parquet."""
    parts = [dict(part.split("=", 1) for part in name.split("/")[:-1] if part.count("=") == 1) for name in names]
    keys = [key for key in parts[0] if all(key in part for part in parts)]
    return {
        key: pa.chunked_array([pa.array([unquote(part[key]) for part in parts], pa.string()).take(pa.array(file_of))])
        for key in keys
        if len({part[key] for part in parts}) > 1
    }


def _broken_remarks(broken: list[SetAside]) -> list[Remark]:
    if not broken:
        return []
    names = shorten((row.detail for row in broken), show=3)
    return [Remark("warning", f"Shards that are not read: {len(broken):,} ({names}).")]
