"""Several splits, each with a table of its own, as one dataset."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelaudit.core.dataset import Content, Dataset, ImageFiles
from labelaudit.core.errors import DataError
from labelaudit.sources.labels import class_order
from labelaudit.sources.table_file import Table


def joined_tables(folder: Path, tables: Mapping[str, Table]) -> Table:
    """Return tables of one folder as one, with a column "split" where they have none.

    Args:
        folder: that they lie in.
        tables: split -> table.
    """
    parts = [_with_split(pa.table(dict(table.columns)), split) for split, table in tables.items()]
    whole = pa.concat_tables(parts, promote_options="permissive")
    each = list(tables.values())
    return Table(
        source=folder,
        columns=dict(zip(whole.column_names, whole.columns, strict=True)),
        lines=np.concatenate([table.lines for table in each]),
        store=each[0].store,
        shard_names=tuple(table.name for table in each for _ in range(len(table))),
        remarks=tuple(dict.fromkeys(remark for table in each for remark in table.remarks)),
        delimiter=each[0].delimiter,
    )


def _with_split(table: pa.Table, split: str) -> pa.Table:
    if "split" in table.column_names:
        return table
    return table.append_column("split", pa.array([split] * len(table), pa.string()))


def joined_datasets(source: Path, parts: Mapping[str, Dataset]) -> Dataset:
    """Return the images of several splits as one dataset; ids begin with the split.

    Raises:
        DataError: they are no images in files.
    """
    each = list(parts.values())
    classes = class_order({name for part in each for name in part.classes})
    place = {name: number for number, name in enumerate(classes)}
    given = [place[part.classes[label]] for part in each for label in part.given.tolist()]
    first = each[0]
    return dataclasses.replace(
        first,
        source=source,
        sample_ids=_prefixed(parts, [part.sample_ids for part in each]),
        paths=_prefixed(parts, [part.paths for part in each]),
        given=np.array(given, dtype=np.int64),
        classes=classes,
        content=_joined(source, [part.content for part in each]),
        trusted=np.concatenate([part.trusted for part in each]),
        split=",".join(parts),
        set_aside=tuple(
            dataclasses.replace(row, sample_id=f"{name}/{row.sample_id}")
            for name, part in parts.items()
            for row in part.set_aside
        ),
        remarks=tuple(dict.fromkeys(remark for part in each for remark in part.remarks)),
    )


def _prefixed(parts: Mapping[str, Dataset], names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(f"{split}/{name}" for split, own in zip(parts, names, strict=True) for name in own)


def _joined(source: Path, contents: Sequence[Content]) -> ImageFiles:
    files: list[Path] = []
    for content in contents:
        if not isinstance(content, ImageFiles):
            raise DataError(
                f"{source}: the splits have a table of labels each, and they hold no files of images.",
                hint="Read one split at a time: --split NAME",
            )
        files += list(content.files)
    return ImageFiles(tuple(files))
