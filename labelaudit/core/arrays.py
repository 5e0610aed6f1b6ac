"""What arrays are called: the letters are the sizes, N samples, C classes, D numbers a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatN = NDArray[np.float64]  # (N,)
FloatC = NDArray[np.float64]  # (C,)
IntN = NDArray[np.int64]  # (N,)
BoolN = NDArray[np.bool_]  # (N,)
Table = NDArray[np.float64]  # (C, C), true class by given one; or (N, C)
Probs = NDArray[np.floating[Any]]  # (N, C) class probabilities in any precision; rows sum to 1
FloatND = NDArray[np.float32]  # (N, D) what a dataset holds: features, embeddings
FloatNC = NDArray[np.float32]  # (N, C) the same: probabilities, soft labels
