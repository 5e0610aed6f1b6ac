"""Wrong labels planted on purpose, so that a detector can be judged against a known truth.

The name of a noise says whether the true class can be drawn: `sym_excl` never draws it, so its rate is the share of
wrong labels; `sym_incl` does, so its share of wrong labels is only rate (1 - 1 / C).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntN = NDArray[np.int64]  # (N,)
FloatCC = NDArray[np.float64]  # (C, C), row = true class, column = given class

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# truck -> automobile, bird -> airplane, deer -> horse, cat <-> dog. S2, arXiv:1912.08741: the text leaves dog -> cat
# out, the published code (followed here) has it.
CIFAR10_FLIPS = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}
BLOCK = 5  # classes per block of block5

NOISE_NAMES = ("sym_excl", "sym_incl", "asym_c10", "pair", "block5")
ALIASES = {"sym": "sym_excl"}


@dataclass(frozen=True, slots=True)
class NoiseSpec:
    """One kind of planted noise.

    Args:
        name: one of `NOISE_NAMES`.
        rate: probability, in [0, 1], that a sample (of a class that flips at all) gets a new label.
        n_classes: C, at least 2.
    """

    name: str
    rate: float
    n_classes: int

    def __post_init__(self) -> None:
        if self.name not in NOISE_NAMES:
            raise ValueError(_unknown(self.name))
        _require_rate(self.rate)
        _require_classes(self.n_classes)
        if self.name == "asym_c10" and self.n_classes != len(CIFAR10_CLASSES):
            raise ValueError(f"asym_c10 is a map of the 10 CIFAR-10 classes; this dataset has {self.n_classes}.")
        if self.name == "block5":
            _require_blocks(self.n_classes, BLOCK)


def parse_noise(text: str, n_classes: int, classes: Sequence[str] = ()) -> NoiseSpec:
    """Return the noise that a text such as "sym:0.2" names.

    "asym" is "asym_c10" where `classes` are those of CIFAR-10, in order and in any case, and "pair" everywhere else.

    Args:
        text: "<name>:<rate>"; a name of `NOISE_NAMES`, "sym" (= "sym_excl") or "asym".
        n_classes: C.
        classes: (C,) class names; only "asym" reads them.

    Raises:
        ValueError: for an unknown name, a rate that is not a number in [0, 1], or a noise that C classes cannot have.
    """
    name, colon, rate_text = (part.strip() for part in text.partition(":"))
    name = ALIASES.get(name, name)
    if name == "asym":
        name = "asym_c10" if tuple(c.casefold() for c in classes) == CIFAR10_CLASSES else "pair"
    if name not in NOISE_NAMES:
        raise ValueError(_unknown(name))
    try:
        rate = float(rate_text)
    except ValueError as error:
        given = repr(rate_text) if colon else "nothing"
        raise ValueError(f"noise {text!r} needs a rate after a colon, such as '{name}:0.2', not {given}.") from error
    return NoiseSpec(name, rate, n_classes)


def plant(labels: IntN, spec: NoiseSpec, rng: np.random.Generator) -> IntN:
    """Return the labels with this noise planted, with exact counts; see `plant_symmetric` and `plant_by_matrix`."""
    if spec.name in ("sym_excl", "sym_incl"):
        return plant_symmetric(labels, spec.n_classes, spec.rate, rng, include_true=spec.name == "sym_incl")
    return plant_by_matrix(labels, _matrix(spec), rng)


def plant_symmetric(
    labels: IntN,
    n_classes: int,
    rate: float,
    rng: np.random.Generator,
    *,
    include_true: bool = False,
    exact: bool = True,
) -> IntN:
    """Return the labels with a share of them redrawn uniformly, over the whole dataset and not per class.

    Args:
        labels: (N,) true classes in 0..C-1; not changed.
        n_classes: C.
        rate: share of samples that get a new label.
        rng: source of the draws.
        include_true: draw among all C classes, so that only rate (1 - 1 / C) become wrong; otherwise among the others.
        exact: redraw exactly round(rate N) samples; otherwise each with probability `rate`.

    Source:
        exact, true class excluded: S2, arXiv:1912.08741, whose code truncates rate N where this rounds it. Not exact,
        true class included: S4, arXiv:1904.11238, which for CIFAR-100 drew among 10 classes only; here among all C.
    """
    _require_rate(rate)
    _require_labels(labels, n_classes)
    noisy = np.array(labels, dtype=np.int64)
    chosen = _choose(np.arange(noisy.size), rate, rng, exact=exact)
    if include_true:
        noisy[chosen] = rng.integers(0, n_classes, size=chosen.size)
    else:
        noisy[chosen] = (noisy[chosen] + rng.integers(1, n_classes, size=chosen.size)) % n_classes
    return noisy


def plant_by_matrix(labels: IntN, transition: FloatCC, rng: np.random.Generator, *, exact: bool = True) -> IntN:
    """Return the labels redrawn from the row of a transition matrix that belongs to their class.

    Args:
        labels: (N,) true classes in 0..C-1; not changed.
        transition: (C, C) P(given = column | true = row); rows sum to 1.
        rng: source of the draws.
        exact: change exactly round((1 - diagonal) n) of the n samples of each class; otherwise each with that
            probability. Which wrong class they get is drawn either way.
    """
    matrix = _require_transition(transition)
    _require_labels(labels, len(matrix))
    noisy = np.array(labels, dtype=np.int64)
    for true_class, row in enumerate(matrix):
        wrong = np.where(np.arange(len(row)) == true_class, 0.0, row)
        rate = min(float(wrong.sum()), 1.0)
        if rate > 0.0:
            chosen = _choose(np.flatnonzero(np.asarray(labels) == true_class), rate, rng, exact=exact)
            noisy[chosen] = rng.choice(len(row), size=chosen.size, p=wrong / wrong.sum())
    return noisy


def pair_flip_matrix(n_classes: int, rate: float) -> FloatCC:
    """Return the (C, C) matrix that moves a share `rate` of each class to the next class, the last to the first."""
    _require_classes(n_classes)
    return _flip_matrix((np.arange(n_classes) + 1) % n_classes, rate)


def block_matrix(n_classes: int, block: int, rate: float) -> FloatCC:
    """Return the (C, C) matrix that moves a share `rate` of each class to the next one of its block, in a circle.

    Blocks are `block` consecutive classes; a last block may be shorter, but not of one class (ValueError).

    Source:
        The published code of ELR (Liu et al. 2020, arXiv:2007.00151) for CIFAR-100, block = 5: alphabetical neighbours,
        not the semantic superclasses.
    """
    _require_classes(n_classes)
    _require_blocks(n_classes, block)
    classes = np.arange(n_classes)
    start = classes - classes % block
    size = np.minimum(block, n_classes - start)
    return _flip_matrix(start + (classes - start + 1) % size, rate)


def cifar10_asym_matrix(rate: float) -> FloatCC:
    """Return the (10, 10) matrix of the similar-class flips of CIFAR-10; rate / 2 of all labels become wrong.

    Source:
        S2, arXiv:1912.08741, published code: truck -> automobile, bird -> airplane, deer -> horse, cat <-> dog.
    """
    return _flip_matrix(np.array([CIFAR10_FLIPS.get(c, c) for c in range(len(CIFAR10_CLASSES))]), rate)


def wrong_rate(given: IntN, true: IntN) -> float:
    """Return the share of labels, in [0, 1], that differ from the truth; NaN for no labels."""
    given_labels, true_labels = np.asarray(given), np.asarray(true)
    if given_labels.shape != true_labels.shape:
        raise ValueError(f"given {given_labels.shape} and true {true_labels.shape} must have the same shape")
    return float((given_labels != true_labels).mean()) if given_labels.size else float("nan")


def _matrix(spec: NoiseSpec) -> FloatCC:
    if spec.name == "asym_c10":
        return cifar10_asym_matrix(spec.rate)
    if spec.name == "pair":
        return pair_flip_matrix(spec.n_classes, spec.rate)
    return block_matrix(spec.n_classes, BLOCK, spec.rate)


def _flip_matrix(target: IntN, rate: float) -> FloatCC:
    """Return (1 - rate) I + rate P, where P moves class c to target[c]."""
    _require_rate(rate)
    identity = np.eye(len(target))
    return np.asarray((1.0 - rate) * identity + rate * identity[target], dtype=np.float64)


def _choose(positions: IntN, rate: float, rng: np.random.Generator, *, exact: bool) -> IntN:
    if exact:
        return np.asarray(rng.permutation(positions)[: round(rate * positions.size)])
    return np.asarray(positions[rng.random(positions.size) < rate])


def _unknown(name: str) -> str:
    return f"unknown noise {name!r}; known: {', '.join([*NOISE_NAMES, *ALIASES, 'asym'])}."


def _require_rate(rate: float) -> None:
    if not 0.0 <= rate <= 1.0:  # also false for NaN
        raise ValueError(f"the noise rate lies in [0, 1], not at {rate}.")


def _require_classes(n_classes: int) -> None:
    if n_classes < 2:
        raise ValueError(f"noise needs at least 2 classes, not {n_classes}.")


def _require_blocks(n_classes: int, block: int) -> None:
    if block < 2 or n_classes % block == 1:
        raise ValueError(f"{n_classes} classes in blocks of {block} leave a class with no other to flip to.")


def _require_labels(labels: IntN, n_classes: int) -> None:
    _require_classes(n_classes)
    array = np.asarray(labels)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"labels must be integers of shape (N,), not {array.dtype} {array.shape}.")
    if array.size and not 0 <= array.min() <= array.max() < n_classes:
        raise ValueError(f"labels run from {array.min()} to {array.max()}, outside 0..{n_classes - 1}.")


def _require_transition(transition: FloatCC) -> FloatCC:
    matrix = np.asarray(transition, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a transition matrix has shape (C, C), not {matrix.shape}.")
    if not (matrix >= 0).all() or not np.allclose(matrix.sum(axis=1), 1.0, atol=1e-6):
        raise ValueError("the rows of a transition matrix are probabilities that sum to 1.")
    return matrix
