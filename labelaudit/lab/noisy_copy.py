"""A noisy copy of a dataset whose labels are trusted, with the truth beside it."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.core.arrow import holds_bytes
from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EventSink
from labelaudit.core.files import write_atomically, write_text
from labelaudit.core.recipe import DataSettings
from labelaudit.lab.planting import Planted, plant_noise, require_noise, small_classifier
from labelaudit.scanning.load import load_inputs
from labelaudit.scanning.network import with_features
from labelaudit.scanning.request import Prepared
from labelaudit.sources.columns import find_roles
from labelaudit.sources.parquet_file import PARQUET_SUFFIXES
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import DELIMITED_SUFFIXES, JSON_SUFFIXES, TABLE_SUFFIXES, Table, load_table
from labelaudit.sources.table_rows import choose_rows, describe_rows

_ID = "sample_id"
_KEPT_OPTIONS = ("label_column", "id_column", "embeddings", "fold_labels")  # that a scan of a copied table needs, too


@dataclass(frozen=True, slots=True)
class NoisyCopy:
    """What was written."""

    path: Path  # a table, or a folder of class folders
    truth: Path  # CSV: sample_id, given_label, true_label
    samples: int
    wrong: int  # labels that are not the true ones
    rate: float  # wrong / samples
    command: str  # how to scan it

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "schema": 1,
            "path": str(self.path),
            "truth": str(self.truth),
            "samples": self.samples,
            "wrong": self.wrong,
            "rate": self.rate,
            "command": self.command,
        }


def write_noisy_copy(
    prepared: Prepared, source: Path, target: Path, *, noise: str, tail: float, copy: bool, on_event: EventSink
) -> NoisyCopy:
    """Write a noisy version of prepared samples and their true labels; `labelaudit.api.plant` says how.

    Args:
        prepared: the samples, the seed of the draws, and the device.
        source: the table or folder that they were read from.
        target: the table or, with `copy`, the folder to write.
        noise: what to plant.
        tail: ratio of the largest to the smallest class.
        copy: copy the images.
        on_event: told what happens.
    """
    dataset, settings, seed = prepared.dataset, prepared.recipe.data, prepared.recipe.seed
    spec = require_noise(noise, dataset)
    evidence = small_classifier(lambda: loaded, prepared, on_event)
    if spec.needs != "nothing":  # what cannot be read has no noise that depends on it
        loaded = load_inputs(dataset, prepared.recipe, prepared.device, on_event)
        loaded = with_features(loaded, prepared.recipe, prepared.device, on_event)
        dataset = loaded.dataset
    planted = plant_noise(dataset, noise, seed=seed, evidence=evidence, tail=tail)
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["labelaudit", "scan", str(target)]
    if copy:
        ids = _copy_images(dataset, planted, target)
    elif source.is_dir():
        ids = [dataset.sample_ids[i] for i in planted.kept]
        _write_table(_image_list(dataset, planted, target), target)
    else:
        ids = [dataset.sample_ids[i] for i in planted.kept]
        _write_table(_noisy_table(source, settings, dataset, planted, target), target)
        command += _options(settings)
    truth = _truth_path(target)
    _write_truth(truth, ids, planted)
    return NoisyCopy(target, truth, len(ids), int(planted.wrong.sum()), planted.rate, shlex.join(command))


def require_new(target: Path, *, copy: bool) -> None:
    """Raise ConfigError where a noisy copy would overwrite something, or is neither a table nor a folder."""
    for path in (target, _truth_path(target)):
        if path.exists():
            raise ConfigError(f"{path} exists already, and plant overwrites nothing.", hint="Name a new one.")
    if not copy and target.suffix.lower() not in _WRITTEN:
        known = ", ".join(_WRITTEN)
        raise ConfigError(
            f"{target} is no table: expected a name that ends with one of {known}.",
            hint=f"Name {target}.csv, or add --copy for a folder of images.",
        )


def _truth_path(target: Path) -> Path:
    name = target.stem if target.suffix.lower() in TABLE_SUFFIXES else target.name
    return target.with_name(f"{name}.truth.csv")


def _image_list(dataset: Dataset, planted: Planted, target: Path) -> dict[str, pa.Array]:
    """Return a table of the images of a folder, where they are, under their noisy labels."""
    files = _image_files(dataset)
    return {
        _ID: pa.array([dataset.sample_ids[i] for i in planted.kept]),
        "path": pa.array([_relative(files[i], target) for i in planted.content]),
        "label": pa.array([planted.classes[label] for label in planted.given]),
    }


def _noisy_table(
    source: Path, settings: DataSettings, dataset: Dataset, planted: Planted, target: Path
) -> dict[str, pa.ChunkedArray | pa.Array]:
    """Return the columns of a table with noisy labels: the rows that were read, without the column of splits."""
    table = _require_table(source)
    roles = find_roles(table, settings)
    rows, _, _ = choose_rows(table, roles.split, settings)
    described = describe_rows(table, roles, settings, rows)
    row_of = dict(zip(described.sample_ids, described.rows.tolist(), strict=True))
    own = np.array([row_of[dataset.sample_ids[i]] for i in planted.kept], dtype=np.int64)
    shown = np.array([row_of[dataset.sample_ids[i]] for i in planted.content], dtype=np.int64)
    if settings.embeddings is not None and not np.array_equal(own, np.arange(len(table))):
        raise ConfigError(
            f"--embeddings needs all {len(table):,} rows in their order, and {len(own):,} would be left.",
            hint="Plant noise that keeps every sample, without --tail, in a table without splits.",
        )
    files = dataset.content.files if isinstance(dataset.content, ImageFiles) else None
    path = roles.path if files is not None else None  # a column such as "id" names files only where there are some
    belongs = {roles.label, roles.sample_id, roles.trusted}  # to the sample; other columns are what it shows
    columns: dict[str, pa.ChunkedArray | pa.Array] = {
        name: cells.take(own if name in belongs and name != path else shown)
        for name, cells in table.columns.items()
        if name != roles.split
    }
    columns[roles.label] = pa.array([planted.classes[label] for label in planted.given])
    if roles.sample_id in (None, path):
        columns[_ID] = pa.array([dataset.sample_ids[i] for i in planted.kept])
    if files is not None:
        columns[path or "path"] = pa.array([_relative(files[i], target) for i in planted.content])
    return columns


def _require_table(source: Path) -> Table:
    """Return the columns of a table on this machine; ConfigError for anything else."""
    if source.suffix.lower() not in TABLE_SUFFIXES or not source.is_file():
        raise ConfigError(
            f"{source}: noise is planted in folders of class folders and in tables on this machine.",
            hint="Download or unpack it first.",
        )
    table = load_table(source, Store(None))
    if table.streamed:
        raise ConfigError(f"{source} is too large to copy: its images do not fit in memory.", hint="Unpack it first.")
    return table


def _copy_images(dataset: Dataset, planted: Planted, target: Path) -> list[str]:
    """Copy the images into class folders by their noisy labels; return the new sample ids.

    The names are numbers: the old ones may give the true class away.
    """
    files, ids = _image_files(dataset), []
    unfit = [name for name in planted.classes if "/" in name or "\\" in name or name.startswith(".")]
    if unfit:
        raise ConfigError(f"class {unfit[0]!r} cannot be the name of a folder.", hint="Leave --copy out.")
    for number, (content, label) in enumerate(zip(planted.content, planted.given, strict=True)):
        name = f"{planted.classes[label]}/{number:06d}{files[content].suffix.lower()}"
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files[content], target / name)
        ids.append(name)
    return ids


def _image_files(dataset: Dataset) -> Sequence[Path]:
    if not isinstance(dataset.content, ImageFiles):
        raise ConfigError(
            f"{dataset.source}: its samples are no image files, so they cannot be listed or copied.",
            hint="Leave --copy out, and name a table such as noisy.parquet.",
        )
    return dataset.content.files


def _relative(file: Path, target: Path) -> str:
    return Path(os.path.relpath(file, target.absolute().parent)).as_posix()


def _options(settings: DataSettings) -> list[str]:
    """Return the options that a scan of the copied table needs as well."""
    words = []
    for name in _KEPT_OPTIONS:
        value = getattr(settings, name)
        flag = f"--{name.replace('_', '-')}"
        words += [] if value in (None, False) else [flag] if value is True else [flag, str(value)]
    return words


_WRITTEN = (*DELIMITED_SUFFIXES, *PARQUET_SUFFIXES, *JSON_SUFFIXES)  # more are read


def _write_table(columns: Mapping[str, pa.ChunkedArray | pa.Array], target: Path) -> None:
    suffix = target.suffix.lower()
    if suffix in DELIMITED_SUFFIXES + JSON_SUFFIXES:
        unfit = [name for name, cells in columns.items() if holds_bytes(cells.type)]
        if unfit:
            raise ConfigError(f"{target}: column {unfit[0]!r} holds images, not text.", hint="Name a .parquet file.")
        rows = zip(*(cells.to_pylist() for cells in columns.values()), strict=True)
        text = _delimited(columns, rows, "\t" if suffix == ".tsv" else ",") if suffix in DELIMITED_SUFFIXES else ""
        if suffix in JSON_SUFFIXES:
            text = "".join(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
        write_text(target, text)
    else:
        write_atomically(target, lambda part: pq.write_table(pa.table(dict(columns)), part))


def _delimited(names: Iterable[str], rows: Iterable[Sequence[Any]], separator: str) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return buffer.getvalue()


def _write_truth(path: Path, ids: Sequence[str], planted: Planted) -> None:
    given = [planted.classes[label] for label in planted.given]
    true = [planted.classes[label] if label >= 0 else "" for label in planted.true]
    text = _delimited((_ID, "given_label", "true_label"), zip(ids, given, true, strict=True), ",")
    write_text(path, text)
