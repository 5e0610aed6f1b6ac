"""Predictions as CSV: one row per sample, broken ones with an error instead of a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.files import write_text
from labelaudit.exports.csv_cells import csv_line


def render_predictions(
    sample_ids: Sequence[str],
    classes: Sequence[str],
    kept: NDArray[np.int64],
    probs: NDArray[np.floating[Any]],
    broken: Mapping[int, str],
    *,
    top: int,
    raw: bool = False,
) -> str:
    r"""Return CSV text with \n line ends: sample_id, label, prob, label_2, prob_2, ... label_K, prob_K, error.

    Args:
        sample_ids: (N,) ids.
        classes: (C,) names.
        kept: (M,) positions of those that were classified.
        probs: (M, C) probabilities.
        broken: position -> why it was not.
        top: K, how many labels to give, at most C.
        raw: leave cells that a spreadsheet would run as formulas as they are.
    """
    K = min(top, len(classes))  # noqa: N806
    order = np.argsort(-probs, axis=1, kind="stable")[:, :K]
    best = np.take_along_axis(probs, order, axis=1)
    names = ["label", "prob", *(f"{what}_{k}" for k in range(2, K + 1) for what in ("label", "prob"))]
    rows: dict[int, list[str]] = {i: [""] * (2 * K) + [reason] for i, reason in broken.items()}
    for place, labels, values in zip(kept.tolist(), order.tolist(), best.tolist(), strict=True):
        if place not in rows:
            cells = [cell for label, p in zip(labels, values, strict=True) for cell in (classes[label], f"{p:.6g}")]
            rows[place] = [*cells, ""]
    lines = [",".join(["sample_id", *names, "error"])]
    lines += [csv_line([sample_id, *rows[place]], raw=raw) for place, sample_id in enumerate(sample_ids)]
    return "\n".join(lines) + "\n"


def write_predictions(path: Path, text: str) -> None:
    """Write predictions to a file, whole or not at all."""
    write_text(path, text)
