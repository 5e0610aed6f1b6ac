"""A table in several Parquet files, with images in a column that are read row group by row group."""

from __future__ import annotations

import dataclasses

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
        columns=light.columns,
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


def _broken_remarks(broken: list[SetAside]) -> list[Remark]:
    if not broken:
        return []
    names = shorten((row.detail for row in broken), show=3)
    return [Remark("warning", f"Shards that are not read: {len(broken):,} ({names}).")]
