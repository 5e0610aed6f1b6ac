"""Which files and rows changed since a revision, as git tells it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from labelaudit.core.arrays import BoolN
from labelaudit.core.arrow import text_array, truths_of
from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.core.errors import ConfigError, LabelAuditError
from labelaudit.core.ids import id_of
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.compare import DataNow, content_hash_of
from labelaudit.sources.read import read_dataset


def repository_root(start: Path) -> Path | None:
    """Return the folder of the git repository around a place, None outside of one or without git."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--show-toplevel"], cwd=start, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return Path(done.stdout.rstrip("\n")) if done.returncode == 0 else None


def changed_files(since: str, *, cwd: Path) -> list[Path]:
    """Return the files that differ from where this branch left a revision, untracked ones included.

    Raises:
        ConfigError: no git, no repository, or no such revision.
    """
    root = repository_root(cwd)
    if root is None:
        raise ConfigError(f"--since {since}: {cwd.absolute()} is not in a git repository, or git is not installed.")
    base = _git(root, since, "merge-base", "--", since, "HEAD").decode().strip()
    names = _git(root, since, "diff", "--name-only", "-z", "--no-renames", "--diff-filter=d", base, "--")
    names += _git(root, since, "ls-files", "--others", "--exclude-standard", "-z")
    return sorted({root / os.fsdecode(name) for name in names.split(b"\0") if name})


def changed_rows(
    columns: FindingColumns, files: Sequence[Path], folder: Path, data: DataNow | str, *, since: str | None
) -> BoolN:
    """Return (N,) which findings are about changed files or changed rows.

    Args:
        columns: N findings.
        files: that changed.
        folder: what the paths of the findings are relative to.
        data: the dataset now, or why it cannot be looked at.
        since: the revision that a changed table is compared with; None = every row of a changed table counts.
    """
    names = {os.path.relpath(file.absolute(), folder.absolute()).replace(os.sep, "/") for file in files}
    names |= {str(file.absolute()) for file in files}
    names |= {id_of(name) for name in names}  # older audits have the names themselves
    rows = pc.is_in(columns.paths, value_set=text_array(sorted(names)))
    changed = truths_of(rows)
    if isinstance(data, str) or data.source.is_dir():
        return changed
    if data.source.absolute() not in {file.absolute() for file in files}:
        return changed
    ids = text_array(_changed_ids(data, since))
    of_table = pc.is_in(columns.sample_ids, value_set=ids)
    return changed | truths_of(of_table)


def changed_samples(dataset: Dataset, files: Sequence[Path]) -> BoolN:
    """Return (M,) which samples of a dataset are changed files."""
    content = dataset.content
    if not isinstance(content, ImageFiles):
        return np.zeros(len(dataset), dtype=np.bool_)
    wanted = {str(file.absolute()) for file in files}
    return np.array([text in wanted for text in content.texts()], dtype=np.bool_)


def _changed_ids(data: DataNow, since: str | None) -> list[str]:
    """Return the ids of the rows whose content and label the table of then did not hold."""
    before = None if since is None else _table_of(data, since)
    if before is None:
        return list(data.dataset.sample_ids)
    left = Counter(_row_keys(before))
    changed = []
    for name, key in zip(data.dataset.sample_ids, _row_keys(data.dataset), strict=True):
        if left[key]:
            left[key] -= 1
        else:
            changed.append(name)
    return changed


def _row_keys(dataset: Dataset) -> list[tuple[str, str]]:
    labels = [dataset.classes[label] for label in dataset.given]
    if dataset.kind == "images":
        return list(zip(dataset.paths, labels, strict=True))
    return [(content_hash_of(dataset, i), label) for i, label in enumerate(labels)]


def _table_of(data: DataNow, since: str) -> Dataset | None:
    """Return the table as it was, None where it was not there or cannot be read."""
    table = data.source.absolute()
    root = repository_root(table.parent)
    if root is None:
        return None
    base = _git(root, since, "merge-base", "--", since, "HEAD").decode().strip()
    name = table.resolve().relative_to(root.resolve()).as_posix()
    settings = data.settings
    if settings.embeddings is not None or settings.probs is not None:
        return None  # their array of then is not at hand
    try:
        old = _git(root, since, "show", f"{base}:{name}")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / table.name
            copy.write_bytes(old)
            return read_dataset(
                copy, replace(settings, image_root=settings.image_root or str(table.parent)), several=True
            )
    except LabelAuditError:
        return None


def _git(root: Path, since: str, *words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=False)
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().splitlines()
    problem = f"--since {since}: git {words[0]} failed: {said[-1] if said else f'exit code {done.returncode}'}."
    raise ConfigError(problem, hint="Fetch the history that it needs: git fetch --unshallow, or fetch-depth: 0.")
