"""A table of numbers from a file of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Matrix:
    """Numbers from a file, one row per sample."""

    source: Path
    values: NDArray[Any]  # (N, D) integers or floats; memory-mapped where the format allows
    names: tuple[str, ...] | None  # (D,) of the columns, where they have names
