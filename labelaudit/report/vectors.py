"""The vectors that a map of the samples is drawn from: the best that an audit has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import Dataset, Vectors
from labelaudit.core.errors import LabelAuditError
from labelaudit.encoders.feature_store import FeatureStore
from labelaudit.encoders.registry import DEFAULT_IMAGE_ENCODER, require_encoder
from labelaudit.report.plane import Plane, plane_of, spread_out

_ENOUGH = 0.9  # share of the samples whose vectors must be known


def best_plane(
    frame: pd.DataFrame, rows: IntN, *, meta: Mapping[str, Any], home: Path, dataset: Dataset | None
) -> Plane | None:
    """Return samples as points: by an encoder's vectors, else by what the table says, else by the probabilities.

    Args:
        frame: the findings that were scanned.
        rows: (M,) which of them to show.
        meta: of the audit.
        home: the `.labelaudit` folder.
        dataset: as it is now; None where it cannot be read.
    """
    return (
        _by_encoder(frame, rows, meta, home / "cache" / "vectors")
        or _by_values(frame, rows, dataset)
        or _by_probabilities(frame, rows)
    )


def _by_encoder(frame: pd.DataFrame, rows: IntN, meta: Mapping[str, Any], cache: Path) -> Plane | None:
    recipe = meta.get("recipe") or {}
    named = (recipe.get("model") or {}).get("encoder") or "auto"
    size = (recipe.get("data") or {}).get("image_size")
    if not size or not cache.is_dir():
        return None
    name = DEFAULT_IMAGE_ENCODER if named == "auto" else named
    try:
        card = require_encoder(name, "image")
    except LabelAuditError:  # of another version, or not installed here
        return None
    store = FeatureStore(cache, name, card.version, f"{size} pixels")
    vectors, known = store.find(frame["content_hash"].iloc[rows].tolist(), card.dimension)
    if card.dimension == 0 or not len(known) or known.mean() < _ENOUGH:
        return None
    return plane_of(vectors[known], rows[known], f"the vectors of {name}")


def _by_values(frame: pd.DataFrame, rows: IntN, dataset: Dataset | None) -> Plane | None:
    if dataset is None or not isinstance(dataset.content, Vectors):
        return None
    place = {sample_id: at for at, sample_id in enumerate(dataset.sample_ids)}
    at = np.array([place.get(name, -1) for name in frame["sample_id"].iloc[rows]], dtype=np.int64)
    if not len(at) or (at >= 0).mean() < _ENOUGH:
        return None
    what = "the embeddings" if dataset.content.kind == "embeddings" else "the columns of the table"
    return plane_of(dataset.content.values[at[at >= 0]], rows[at >= 0], what)


def _by_probabilities(frame: pd.DataFrame, rows: IntN) -> Plane | None:
    part = frame.iloc[rows]
    labels, probs = part["top_labels"].tolist(), part["top_probs"].tolist()
    names = {name: at for at, name in enumerate(sorted({label for row in labels for label in row}))}
    width = max(map(len, labels), default=0)
    if width < 2 or any(len(row) != width for row in labels):
        return None
    positions = np.array([[names[label] for label in row] for row in labels], dtype=np.int64)
    return plane_of(spread_out(positions, np.array(probs)), rows, f"the probabilities of the {width} likeliest classes")
