"""Samples that a stored classifier shall look at: a folder of images, or a table; nobody need know their labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import Dataset, FilesBelow, ImageFiles, Images, Probabilities, Texts, Vectors
from labelaudit.core.errors import ConfigError, DataError, did_you_mean, shorten
from labelaudit.core.ids import ids_of
from labelaudit.core.model_facts import ColumnFacts, ModelFacts
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.arrays import embedding_rows, read_matrix
from labelaudit.sources.cell_images import with_cell_images
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.columns import Roles, find_roles
from labelaudit.sources.encoding import Column, encode_columns
from labelaudit.sources.features import has_decimal_commas, read_numbers
from labelaudit.sources.inside import files_inside, reading
from labelaudit.sources.read import read_dataset
from labelaudit.sources.splits import ALL_SPLITS
from labelaudit.sources.store import Store
from labelaudit.sources.table import settle_path
from labelaudit.sources.table_file import TABLE_SUFFIXES, Table, load_table
from labelaudit.sources.table_images import Samples, has_bytes, image_tree, path_texts, read_embedded, read_files
from labelaudit.sources.table_rows import choose_rows, sample_ids_of
from labelaudit.sources.urls import is_url, parse_url


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Samples in the order of their source."""

    sample_ids: tuple[str, ...]  # (N,)
    paths: tuple[str, ...]  # (N,) what to show
    content: Images | Vectors  # (N,)
    broken: Mapping[int, str] = dataclasses.field(default_factory=dict)  # position -> why it cannot be used

    def __len__(self) -> int:
        return len(self.sample_ids)

    def take(self, keep: IntN) -> Unlabelled:
        """Return the samples at these positions."""
        return Unlabelled(
            tuple(self.sample_ids[i] for i in keep),
            tuple(self.paths[i] for i in keep),
            self.content.take(keep),
            {place: self.broken[i] for place, i in enumerate(keep.tolist()) if i in self.broken},
        )


def read_unlabelled(source: Path | str, settings: DataSettings, facts: ModelFacts) -> Unlabelled:
    """Return the samples of a folder or a table as a classifier wants them; no pixel is decoded.

    Args:
        source: a folder with images at any depth, or a table; shards and folders behind URLs as `read_dataset` does.
        settings: columns, paths and arrays that the user named.
        facts: what the classifier sees, and the columns that its training data was read by.

    Raises:
        ConfigError: something that is named does not exist, or the source is not what the classifier sees.
        DataError: nothing there can be used.
    """
    with reading(source):
        return _read(source, settings, facts)


def _read(source: Path | str, settings: DataSettings, facts: ModelFacts) -> Unlabelled:
    path = Path(source).expanduser()
    is_table = Path(str(source)).suffix.lower() in TABLE_SUFFIXES
    if is_table and (is_url(str(source)) or path.is_file()):
        table = load_table(parse_url(str(source)) if is_url(str(source)) else path, Store(None), settings)
        return _of_table(table, _with_usual_columns(table, settings, facts), facts)
    if facts.kind != "images":
        wanted = "rows of a table" if facts.kind == "features" else "embeddings of the rows of a table"
        raise ConfigError(f"the model sees {wanted}; {source} is no table.", hint="Give a CSV, TSV, Parquet or JSONL.")
    if is_url(str(source)) or not path.is_dir():
        return of_dataset(read_dataset(source, settings))
    return _of_folder(path, settings)


def of_dataset(dataset: Dataset) -> Unlabelled:
    """Return the samples of a labelled dataset; raises ConfigError for what no classifier looks at."""
    if isinstance(dataset.content, Probabilities | Texts):
        raise ConfigError(f"{dataset.source} was read as {dataset.kind}: there is nothing to look at.")
    return Unlabelled(dataset.sample_ids, dataset.paths, dataset.content)


def as_seen_by(dataset: Dataset, settings: DataSettings, facts: ModelFacts) -> Unlabelled:
    """Return the samples of a labelled dataset as a classifier saw its own: rows of a table encoded by its columns.

    Raises:
        ConfigError: the classifier sees something else.
        DataError: a column that it learnt from is missing.
    """
    if dataset.kind != facts.kind:
        raise ConfigError(f"{dataset.source} is {dataset.kind}; the model sees {facts.kind}.")
    if facts.kind != "features":
        return of_dataset(dataset)
    every = read_unlabelled(dataset.source, dataclasses.replace(settings, split=dataset.split or ALL_SPLITS), facts)
    row = {name: at for at, name in enumerate(every.sample_ids)}
    return every.take(np.array([row[name] for name in dataset.sample_ids], dtype=np.int64))


def _of_folder(folder: Path, settings: DataSettings) -> Unlabelled:
    names = tuple(sorted(_images_below(folder, settings)))
    if not names:
        raise DataError(f"{folder}: there is no image in it.", hint="Give a folder of images, or a table of paths.")
    return Unlabelled(ids_of(names), ids_of(names), ImageFiles(FilesBelow(folder.absolute(), names)))


def _images_below(folder: Path, settings: DataSettings) -> Iterator[str]:
    """Yield the images at any depth, relative to the folder; hidden names and links out of it are passed over."""
    suffixes = image_suffixes()
    for name in files_inside(folder, follow_links=settings.follow_links):
        if PurePosixPath(name).suffix.lower() in suffixes:
            yield name


def _with_usual_columns(table: Table, settings: DataSettings, facts: ModelFacts) -> DataSettings:
    """Return the settings, and for what they leave open the columns of the training data that the table has, too."""
    usual = facts.recipe.get("data") or {}
    known = {
        name: usual[name]
        for name in ("path_column", "id_column")
        if getattr(settings, name) is None and usual.get(name) in table.columns
    }
    if settings.path_template is None and settings.path_column is None and "path_column" not in known:
        known["path_template"] = usual.get("path_template")
    return dataclasses.replace(settings, **known)


def _of_table(table: Table, settings: DataSettings, facts: ModelFacts) -> Unlabelled:
    table = with_cell_images(table, settings)
    tree = image_tree(table, settings)
    roles = find_roles(table, settings, labelled=False)
    if facts.kind == "images":
        roles = settle_path(table, roles, settings, tree)
    if facts.kind == "features" or (facts.kind == "embeddings" and not roles.path_is_sure):
        roles = dataclasses.replace(roles, path=None, image=None)  # a column called "name" is then no path
    rows, _, _ = choose_rows(table, roles.split, settings)
    paths = path_texts(table, roles, settings, rows)
    samples = _samples(table, roles, settings, rows, paths, facts)
    content = samples.content
    if isinstance(content, Probabilities | Texts):
        raise ValueError(f"a classifier sees no {content.kind}")
    broken = {**samples.missing, **samples.unreadable}
    return Unlabelled(sample_ids_of(table, roles, rows, paths), samples.paths, content, broken)


def _samples(
    table: Table,
    roles: Roles,
    settings: DataSettings,
    rows: IntN,
    paths: Sequence[str | None] | None,
    facts: ModelFacts,
) -> Samples:
    places = tuple(table.place(row) for row in rows)
    if facts.kind == "features":
        values, bad = _encoded(table, rows, facts.columns)
        return Samples(values, places, unreadable=bad)
    if facts.kind == "embeddings":
        return _embeddings(table, settings, rows, places, facts)
    if roles.image is not None and has_bytes(table, roles.image):
        return read_embedded(table, roles.image, rows, paths)
    if paths is None:
        raise ConfigError(
            f"{table.source}: no column names images, and the model sees images; columns: {', '.join(table.columns)}.",
            hint="Name it with --path-column.",
        )
    return read_files(table, rows, paths, column=roles.path, settings=settings)


def _embeddings(
    table: Table, settings: DataSettings, rows: IntN, places: tuple[str, ...], facts: ModelFacts
) -> Samples:
    if settings.embeddings is None:
        raise ConfigError("the model sees embeddings.", hint="Give those of the rows of the table with --embeddings.")
    matrix = read_matrix(settings.embeddings, "--embeddings", rows=len(table))
    values, bad = embedding_rows(matrix, rows)
    if values.shape[1] != facts.n_inputs:
        raise DataError(
            f"{settings.embeddings}: rows of {values.shape[1]:,} numbers; the model sees {facts.n_inputs:,}.",
            hint="Compute them with the network that the training data's were computed with.",
        )
    return Samples(Vectors(np.nan_to_num(values), "embeddings"), places, unreadable=bad)


def _encoded(table: Table, rows: IntN, facts: Sequence[ColumnFacts]) -> tuple[Vectors, dict[int, str]]:
    """Return the rows as the classifier saw its own, and what is wrong with cells that are no numbers."""
    missing = [fact.name for fact in facts if fact.name not in table.columns]
    if missing:
        raise DataError(
            f"{table.source}: columns that the model learnt from are missing: {shorten(map(repr, missing))}.",
            hint=did_you_mean(missing[0], table.columns) or f"There are: {shorten(table.columns, show=10)}.",
        )
    columns: dict[str, Column] = {}
    bad: dict[int, str] = {}
    decimal_comma = has_decimal_commas(table.delimiter)
    for fact in facts:
        texts = cell_texts(table.columns[fact.name].take(rows))
        columns[fact.name] = _read_cells(texts, fact, bad, decimal_comma=decimal_comma)
    return Vectors(encode_columns(columns, facts), "features", columns=tuple(facts)), bad


def _read_cells(texts: list[str | None], fact: ColumnFacts, bad: dict[int, str], *, decimal_comma: bool) -> Column:
    if not fact.is_number:
        return Column(np.array(texts, dtype=object), is_number=False)
    found = read_numbers(texts, decimal_comma=decimal_comma)
    if found is None or found.words:  # a scan lets a few pass as missing; who predicts is told
        words = {row: text for row, text in enumerate(texts) if _is_word(text, decimal_comma=decimal_comma)}
        bad |= {row: f"column {fact.name!r}: {text!r} is no number" for row, text in words.items() if row not in bad}
        known = [None if row in words else text for row, text in enumerate(texts)]
        found = read_numbers(known, decimal_comma=decimal_comma)
    if found is None:
        raise AssertionError("without its words a column holds numbers")
    return Column(found.values, is_number=True)


def _is_word(text: str | None, *, decimal_comma: bool) -> bool:
    return read_numbers([text], decimal_comma=decimal_comma) is None
