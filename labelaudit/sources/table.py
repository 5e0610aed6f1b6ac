"""A table of samples: images by path or as bytes, features, or labels for embeddings and probabilities."""

from __future__ import annotations

import dataclasses

import numpy as np

from labelaudit.core.dataset import Dataset, Probabilities, Remark, SetAside, Vectors
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.arrays import class_probabilities, embedding_rows, read_matrix
from labelaudit.sources.columns import Roles, find_roles
from labelaudit.sources.features import read_features, require_categories
from labelaudit.sources.labels import encode_labels
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import Table, load_table
from labelaudit.sources.table_images import Samples, finds_images, has_bytes, read_embedded, read_files
from labelaudit.sources.table_rows import Rows, choose_rows, describe_rows, repeated_paths, unlabelled_rows
from labelaudit.sources.urls import Place, Url


def read_table(source: Place, settings: DataSettings, store: Store) -> Dataset:
    """Return the samples of a CSV, TSV, Parquet or JSON lines table."""
    return table_dataset(load_table(source, store, settings), settings)


def table_dataset(table: Table, settings: DataSettings) -> Dataset:
    """Return the samples of a table.

    Rows without a label or without their file are put aside, not dropped.

    Raises:
        ConfigError: a column, split or file that the settings name does not exist.
        DataError: the table cannot be read, or holds nothing to audit.
    """
    roles = _settle_path(table, find_roles(table, settings), settings)
    rows, split, split_remarks = choose_rows(table, roles.split, settings)
    every = describe_rows(table, roles, settings, rows)
    labelled = every.take([i for i, label in enumerate(every.labels) if label is not None])
    if not len(labelled):
        raise DataError(
            f"{table.source}: column {roles.label!r} has no label in any of the {len(rows):,} rows.",
            hint="Name another column with --label-column.",
        )
    samples = _read_samples(table, roles, settings, labelled)
    dataset = _assemble(table, labelled, samples, settings)
    remarks = (_column_remark(table, roles, settings), *roles.remarks, *split_remarks, *repeated_paths(every))
    return dataclasses.replace(
        dataset,
        split=split,
        set_aside=(*table.set_aside, *unlabelled_rows(table, every, roles.label), *dataset.set_aside),
        remarks=(*table.remarks, *remarks, *dataset.remarks),
    )


def _settle_path(table: Table, roles: Roles, settings: DataSettings) -> Roles:
    """Return the roles with a column such as "id" taken as paths only where files by these names exist."""
    if roles.image is not None or roles.path_is_sure or finds_images(table, roles, settings):
        return roles
    return dataclasses.replace(roles, path=None)


def _read_samples(table: Table, roles: Roles, settings: DataSettings, rows: Rows) -> Samples:
    """Return what the rows hold; all of them have a label."""
    places = tuple(table.place(row) for row in rows.rows)
    shown = places if rows.paths is None else tuple(p or place for p, place in zip(rows.paths, places, strict=True))
    if settings.embeddings is not None:
        matrix = read_matrix(settings.embeddings, "--embeddings", rows=len(table))
        vectors, bad = embedding_rows(matrix, rows.rows)
        return Samples(Vectors(vectors, "embeddings"), shown, unreadable=bad)
    if settings.probs is not None:
        return _read_probabilities(table, roles, settings, rows, shown)
    if roles.image is not None and has_bytes(table, roles.image):
        return read_embedded(table, roles.image, rows.rows, rows.paths)
    if rows.paths is not None:
        return read_files(table, rows.rows, rows.paths, column=roles.path, settings=settings)
    require_categories(table, roles.label, rows.known_labels())
    features, remark = read_features(table, rows.rows, roles.taken())
    return Samples(features, places, remarks=(remark,))


def _read_probabilities(
    table: Table, roles: Roles, settings: DataSettings, rows: Rows, shown: tuple[str, ...]
) -> Samples:
    assert settings.probs is not None
    matrix = read_matrix(settings.probs, "--probs", rows=len(table))
    found = encode_labels(rows.known_labels(), fold=settings.fold_labels).classes
    given = class_probabilities(matrix, rows.rows, found, known=table.class_names.get(roles.label))
    return Samples(Probabilities(given.values), shown, remarks=(given.remark,), classes=given.classes)


def _assemble(table: Table, rows: Rows, samples: Samples, settings: DataSettings) -> Dataset:
    """Return the dataset of the rows that can be used, the others put aside."""
    aside = _put_aside(rows, samples)
    good = [i for i in range(len(rows)) if i not in aside]
    if not good:
        first = next(iter(aside.values())).detail
        raise DataError(f"{table.source}: none of the {len(rows):,} rows can be used; the first: {first}.")
    kept = rows.take(good)
    labels = encode_labels(kept.known_labels(), fold=settings.fold_labels, classes=samples.classes)
    return Dataset(
        source=str(table.source) if isinstance(table.source, Url) else table.source,
        sample_ids=kept.sample_ids,
        paths=tuple(samples.paths[i] for i in good),
        given=labels.given,
        classes=labels.classes,
        content=samples.content.take(np.array(good, dtype=np.int64)),
        trusted=kept.trusted,
        set_aside=tuple(aside.values()),
        remarks=(*samples.remarks, *labels.remarks),
    )


def _put_aside(rows: Rows, samples: Samples) -> dict[int, SetAside]:
    """Return the rows that cannot be used, by position."""
    aside: dict[int, SetAside] = {}
    for i in sorted({*samples.missing, *samples.unreadable}):
        sample_id, path, label = rows.sample_ids[i], samples.paths[i], rows.labels[i]
        if i in samples.missing:
            aside[i] = SetAside(sample_id, path, label, "missing-file", samples.missing[i])
        else:
            aside[i] = SetAside(sample_id, path, label, "unreadable", samples.unreadable[i])
    return aside


def _column_remark(table: Table, roles: Roles, settings: DataSettings) -> Remark:
    """Return the remark that says which columns are used."""
    uses = [f"labels from column {roles.label!r}"]
    if settings.path_template is not None:
        uses.append(f"images by {settings.path_template!r}")
    elif roles.image is not None:
        uses.append(f"images in column {roles.image!r}")
    elif roles.path is not None:
        uses.append(f"paths from {roles.path!r}")
    if roles.sample_id not in (None, roles.path):
        uses.append(f"ids from {roles.sample_id!r}")
    if roles.trusted is not None:
        uses.append(f"trust from {roles.trusted!r}")
    return Remark("note", f"{table.name}: {', '.join(uses)}.")
