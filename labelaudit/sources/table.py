"""A table of samples: images by path or as bytes, features, or labels for embeddings and probabilities."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import PurePosixPath

import numpy as np

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import Dataset, Probabilities, Remark, SetAside, Texts, Vectors
from labelaudit.core.errors import ConfigError, DataError, count, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.annotated import described, has_annotators, with_consensus
from labelaudit.sources.arrays import embedding_rows, read_matrix
from labelaudit.sources.cell_images import with_cell_images
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.class_names import class_order_of
from labelaudit.sources.column_names import looked_at
from labelaudit.sources.column_uses import column_uses
from labelaudit.sources.columns import Roles, find_roles
from labelaudit.sources.features import feature_names, read_features, require_categories
from labelaudit.sources.image_tree import ImageTree
from labelaudit.sources.label_sets import several_labels, with_label_sets
from labelaudit.sources.label_twins import label_twins
from labelaudit.sources.labels import encode_labels
from labelaudit.sources.nested_cells import is_vector_column, vectors_of, with_flat_objects, with_text_vectors
from labelaudit.sources.one_hot import with_one_hot_label
from labelaudit.sources.pixel_columns import with_pixel_columns
from labelaudit.sources.probabilities import class_probabilities, prob_columns
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import Table, load_table
from labelaudit.sources.table_images import Samples, has_bytes, image_tree, read_embedded, read_files, share_of_images
from labelaudit.sources.table_rows import Rows, choose_rows, describe_rows, repeated_paths, unlabelled_rows
from labelaudit.sources.urls import Place, Url

_LABEL_FOLDERS = frozenset({"annotations", "annotation", "labels", "label", "meta", "metadata", "csv", "lists"})
_MOST_ROWS = 0.5  # share of the ids that must lead to images for a table to be one of images


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
    if has_annotators(settings):
        table, plain, answers = with_consensus(table, settings)
        dataset, rows = _read_rows(table, plain)
        if dataset.several is not None:
            raise several_labels(dataset)
        return described(dataset, answers, rows)
    return _read_rows(table, settings)[0]


def table_rows(table: Table, settings: DataSettings) -> tuple[Dataset, IntN]:
    """Return the samples of a table with one row each, and (N,) the rows that they are."""
    return _read_rows(table, settings)


def _read_rows(table: Table, settings: DataSettings) -> tuple[Dataset, IntN]:
    """Return the samples of a table with one row each, and the rows that they are."""
    table = with_pixel_columns(with_text_vectors(with_flat_objects(table)), settings)
    flat = with_cell_images(table, settings)
    table = with_one_hot_label(flat, settings)
    hot = [name for name in flat.columns if name not in table.columns]
    listed = settings.label_column
    if listed is not None and "," in listed and listed not in table.columns:  # they are one column now
        settings = dataclasses.replace(settings, label_column="labels" if table.hot else "label")
    roles = find_roles(table, settings)
    settings, above = _with_root_above(table, roles, settings)
    tree = image_tree(table, settings)
    roles = settle_path(table, roles, settings, tree)
    rows, split, split_remarks = choose_rows(table, roles.split, settings)
    every = describe_rows(table, roles, settings, rows)
    labelled = every.take([i for i, label in enumerate(every.labels) if label is not None])
    if not len(labelled):
        raise DataError(
            f"{table.source}: column {roles.label!r} has no label in any of the {len(rows):,} rows.",
            hint="Name another column with --label-column.",
        )
    samples = _read_samples(table, roles, settings, labelled, tree)
    dataset, kept = _assemble(table, labelled, samples, settings)
    if labelled.sets is not None:
        dataset = with_label_sets(dataset, labelled.sets, names=table.hot or None)
    remarks = (
        _column_remark(table, roles, settings),
        *above,
        *roles.remarks,
        *split_remarks,
        *every.remarks,
        *repeated_paths(every),
    )
    dataset = dataclasses.replace(
        dataset,
        split=split,
        columns=column_uses(table, roles, settings, samples, hot=hot),
        set_aside=(*table.set_aside, *unlabelled_rows(table, every, roles.label), *dataset.set_aside),
        remarks=(*table.remarks, *remarks, *dataset.remarks),
    )
    return dataset, kept


def _with_root_above(table: Table, roles: Roles, settings: DataSettings) -> tuple[DataSettings, tuple[Remark, ...]]:
    """Return the settings with the folder above a table as the root of its images, where they lie beside its own."""
    if settings.image_root is not None or not roles.path_is_sure or roles.path is None or settings.no_images:
        return settings, ()
    own = image_tree(table, settings)
    if own is None or own.root.name.casefold() not in _LABEL_FOLDERS:
        return settings, ()
    above = dataclasses.replace(settings, image_root=str(own.root.parent))
    if share_of_images(table, roles.path, settings, own) > 0:
        return settings, ()
    if share_of_images(table, roles.path, above, image_tree(table, above)) == 0:
        return settings, ()
    return above, (Remark("note", f"Images are looked for in {own.root.parent}, the folder above {table.name}'s."),)


def settle_path(table: Table, roles: Roles, settings: DataSettings, tree: ImageTree | None) -> Roles:
    """Return the roles with the column of paths that leads to images, or none, and what there is to say about it."""
    is_needed = settings.embeddings is None and settings.probs is None and not settings.no_images
    if roles.image is not None or settings.path_column or settings.path_template or not roles.maybe_paths:
        return roles if roles.path or not is_needed else _warned_of_images(table, roles, tree)
    shares = {name: share_of_images(table, name, settings, tree) for name in roles.maybe_paths}
    best = max(shares, key=lambda name: (shares[name], name == roles.path))
    if shares[best] >= _MOST_ROWS or (shares[best] > 0 and best == roles.path and roles.path_is_sure):
        return dataclasses.replace(roles, path=best, path_is_sure=True)
    others = [name for name in table.columns if name not in roles.taken() - {roles.path}]
    if roles.path_is_sure and not (others and _names_no_images(table, roles.path)):
        return roles
    if shares[best] > 0:
        text = f"Only {shares[best]:.0%} of the cells of {best!r} lead to an image, so the other columns are read"
        return _without_path(roles, Remark("warning", f"{text}; --path-column {shlex.quote(best)} reads the images."))
    if roles.path_is_sure:
        text = f"Column {roles.path!r} names no images, and no such files are here: the other columns are read."
        return _without_path(roles, Remark("warning", text))
    return _warned_of_images(table, dataclasses.replace(roles, path=None), tree) if is_needed else _without_path(roles)


def _without_path(roles: Roles, *remarks: Remark) -> Roles:
    return dataclasses.replace(roles, path=None, path_is_sure=False, remarks=(*roles.remarks, *remarks))


def _warned_of_images(table: Table, roles: Roles, tree: ImageTree | None) -> Roles:
    """Return the roles with a warning where images lie below the table and no column names them."""
    n_images = 0 if tree is None or roles.image is not None else tree.n_images()
    if not n_images:
        return roles
    text = (
        f"{count(n_images, 'image')} below {tree.root if tree else ''} are not read: no column of {table.name} names "
        "them; --path-column or --path-template says how, --no-images that they do not belong to it."
    )
    return dataclasses.replace(roles, remarks=(*roles.remarks, Remark("warning", text)))


def _names_no_images(table: Table, column: str | None) -> bool:
    """Return whether most cells of a column end in a suffix that no image has: ".wav"."""
    if column is None:
        return False
    suffixes = [PurePosixPath(text).suffix.lower() for text in looked_at(table, column)]
    foreign = [suffix for suffix in suffixes if suffix and suffix not in image_suffixes()]
    return len(foreign) > len(suffixes) / 2


def _read_samples(table: Table, roles: Roles, settings: DataSettings, rows: Rows, tree: ImageTree | None) -> Samples:
    """Return what the rows hold; all of them have a label."""
    places = table.places(rows.rows)
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
        return read_files(table, rows.rows, rows.paths, column=roles.path, settings=settings, tree=tree)
    require_categories(table, roles.label, rows.known_labels())
    if roles.texts:
        return _read_texts(table, roles, rows)
    only = feature_names(table, settings)
    column = None if only else _vector_column(table, roles)
    if column is not None:
        return _read_vectors(table, column, roles, rows)
    twins = () if only else label_twins(table, roles.label, rows.rows, rows.known_labels())
    read = read_features(table, rows.rows, roles.taken() | {*twins}, only=only)
    left_out = {**read.left_out, **dict.fromkeys(twins, "it says the same as the label")}
    return Samples(read.vectors, places, remarks=(*_twin_remarks(twins), *read.remarks), left_out=left_out)


def _vector_column(table: Table, roles: Roles) -> str | None:
    names = [name for name in table.columns if name not in roles.taken()]
    return next((name for name in names if is_vector_column(table.columns[name])), None)


def _read_vectors(table: Table, column: str, roles: Roles, rows: Rows) -> Samples:
    """Return the vectors in the cells of a column."""
    vectors = vectors_of(table.columns[column], rows.rows)
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1)).tolist()
    bad = {i: f"{table.place(int(rows.rows[i]))}: not a finite number in {column!r}" for i in wrong}
    others = [name for name in table.columns if name not in {column, *roles.taken()}]
    left = f"; not read: {shorten(others, show=10)}" if others else ""
    said = f"Vectors of {vectors.shape[1]:,} numbers from {column!r}{left}; --feature-columns reads other columns."
    places = table.places(rows.rows)
    return Samples(Vectors(vectors, "embeddings"), places, unreadable=bad, remarks=(Remark("note", said),))


def _twin_remarks(twins: tuple[str, ...]) -> tuple[Remark, ...]:
    if not twins:
        return ()
    text = f"Columns that say the same as the label, not learnt from: {shorten(map(repr, twins))}"
    return (Remark("warning", f"{text}; --feature-columns takes what it names."),)


def _read_texts(table: Table, roles: Roles, rows: Rows) -> Samples:
    """Return the texts of the rows, several columns joined by a line break."""
    cells = [cell_texts(table.columns[name].take(rows.rows)) for name in roles.texts]
    texts = tuple("\n".join(text for text in row if text is not None) for row in zip(*cells, strict=True))
    places = table.places(rows.rows)
    empty = {i: f"{place}: no text" for i, place in enumerate(places) if not texts[i]}
    others = [name for name in table.columns if name not in roles.taken()]
    left = f"; not read: {shorten(others, show=10)}" if others else ""
    names = " and ".join(map(repr, roles.texts))
    return Samples(Texts(texts), places, unreadable=empty, remarks=(Remark("note", f"Texts from {names}{left}."),))


def _read_probabilities(
    table: Table, roles: Roles, settings: DataSettings, rows: Rows, shown: tuple[str, ...]
) -> Samples:
    assert settings.probs is not None
    if rows.sets is not None:
        raise ConfigError(
            f"--probs: the samples of {table.source} have several labels, and the probabilities of one sum to 1.",
            hint="Leave --probs away, or audit one label: --label-column NAME",
        )
    matrix = read_matrix(settings.probs, "--probs", rows=len(table))
    labels = encode_labels(rows.known_labels(), fold=settings.fold_labels)
    columns = prob_columns(settings.prob_columns)
    if columns is None and settings.class_names is not None:
        columns = tuple(class_order_of(settings.class_names))
    given = class_probabilities(
        matrix,
        rows.rows,
        [labels.classes[label] for label in labels.given],
        found=labels.classes,
        known=table.class_names.get(roles.label),
        columns=columns,
    )
    return Samples(Probabilities(given.values), shown, remarks=given.remarks, classes=given.classes)


def _assemble(table: Table, rows: Rows, samples: Samples, settings: DataSettings) -> tuple[Dataset, IntN]:
    """Return the dataset of the rows that can be used, the others put aside, and these rows."""
    aside = _put_aside(rows, samples)
    good = [i for i in range(len(rows)) if i not in aside]
    if not good:
        first = next(iter(aside.values())).detail
        raise DataError(f"{table.source}: none of the {len(rows):,} rows can be used; the first: {first}.")
    kept = rows.take(good)
    labels = encode_labels(kept.known_labels(), fold=settings.fold_labels, classes=samples.classes)
    dataset = Dataset(
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
    return dataset, kept.rows


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
