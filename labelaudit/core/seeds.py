"""Random streams by name: one integer seed per run, and every use draws its own stream.

Adding a use never shifts the others, and a resumed run draws what the uninterrupted one would have drawn.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed of the stream that these names call, the same on every machine."""
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the numpy generator of a named stream, e.g. `numpy_generator(seed, "plant")`."""
    return np.random.default_rng(stream_seed(seed, *names))
