"""Wrong labels planted on purpose, so that a detector can be judged against a known truth.

The name of a noise says whether the true class can be drawn: `sym_excl` never draws it, so its rate is the share of
wrong labels; `sym_incl` does, so its share of wrong labels is only rate (1 - 1 / C). The share that really is wrong is
always to be reported: `wrong_rate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelaudit.core.arrays import IntN, Table
from labelaudit.noise.by_sample import choose_rows, plant_ambiguous, plant_by_part
from labelaudit.noise.matrices import (
    BLOCK,
    CIFAR10_CHAIN,
    CIFAR10_PAPER_FLIPS,
    FloatND,
    block_matrix,
    cifar10_asym_matrix,
    cifar100_super_matrix,
    map_matrix,
    pair_flip_matrix,
    require_classes,
    require_rate,
    require_transition,
)
from labelaudit.noise.spec import NoiseSpec


def plant(
    labels: IntN,
    spec: NoiseSpec,
    rng: np.random.Generator,
    *,
    evidence: FloatND | None = None,
    exact: bool = True,
) -> IntN:
    """Return the labels with this noise planted.

    Args:
        labels: (N,) true classes in 0..C-1; not changed.
        spec: what to plant; an open set is planted by `plant_open_set`.
        rng: source of the draws.
        evidence: what `spec.needs` names: (N, C) probabilities of a classifier, (N, D) features, or a (C, C) confusion
            matrix, whose rows need not sum to 1 and whose diagonal is not read.
        exact: for noises that need nothing: redraw an exact number of labels; otherwise each with its probability.
    """
    if spec.is_open:
        raise ValueError(f"{spec.name} replaces samples, not labels")
    if spec.name == "none":
        return np.array(labels, dtype=np.int64)
    if spec.name in ("sym_excl", "sym_incl"):
        include_true = spec.name == "sym_incl"
        return plant_symmetric(labels, spec.n_classes, spec.rate, rng, include_true=include_true, exact=exact)
    if spec.name == "asym_c10_chained":
        return plant_in_a_chain(labels, CIFAR10_CHAIN, spec.rate, rng, exact=exact)
    if spec.needs == "nothing":
        return plant_by_matrix(labels, _matrix(spec), rng, exact=exact)
    if evidence is None:
        raise ValueError(f"{spec.name} needs {spec.needs}")
    if spec.name == "semantic":
        return np.asarray(evidence.argmax(axis=1), dtype=np.int64)
    if spec.name == "ambiguous":
        return plant_ambiguous(labels, evidence, spec.rate)
    if spec.name == "instance":
        return plant_by_part(labels, evidence, spec.n_classes, spec.rate, rng)
    return plant_by_confusion(labels, evidence, spec.rate, rng, per_class=spec.name == "confusion")


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
    require_rate(rate)
    _require_labels(labels, n_classes)
    noisy = np.array(labels, dtype=np.int64)
    chosen = _choose(np.arange(noisy.size), rate, rng, exact=exact)
    if include_true:
        noisy[chosen] = rng.integers(0, n_classes, size=chosen.size)
    else:
        noisy[chosen] = (noisy[chosen] + rng.integers(1, n_classes, size=chosen.size)) % n_classes
    return noisy


def plant_by_matrix(labels: IntN, transition: Table, rng: np.random.Generator, *, exact: bool = True) -> IntN:
    """Return the labels redrawn from the row of a transition matrix that belongs to their class.

    Args:
        labels: (N,) true classes in 0..C-1; not changed.
        transition: (C, C) P(given = column | true = row); rows sum to 1.
        rng: source of the draws.
        exact: change exactly round((1 - diagonal) n) of the n samples of each class; otherwise each with that
            probability. Which wrong class they get is drawn either way.
    """
    matrix = require_transition(transition)
    _require_labels(labels, len(matrix))
    noisy = np.array(labels, dtype=np.int64)
    for true_class, row in enumerate(matrix):
        wrong = np.where(np.arange(len(row)) == true_class, 0.0, row)
        rate = min(float(wrong.sum()), 1.0)
        if rate > 0.0:
            chosen = _choose(np.flatnonzero(np.asarray(labels) == true_class), rate, rng, exact=exact)
            noisy[chosen] = rng.choice(len(row), size=chosen.size, p=wrong / wrong.sum())
    return noisy


def plant_in_a_chain(
    labels: IntN, flips: Sequence[tuple[int, int]], rate: float, rng: np.random.Generator, *, exact: bool = True
) -> IntN:
    """Return the labels with a share of each class flipped, one class after the other, by the labels as they are then.

    Of cats 40 % become dogs; then 40 % of the dogs become cats, some of which were cats to begin with.

    Args:
        labels: (N,) true classes; not changed.
        flips: (from, to) in their order.
        rate: share of the samples with a label that is flipped, when its turn comes.
        rng: source of the draws.
        exact: flip exactly round(rate n); otherwise each with probability `rate`.

    Source:
        S0, arXiv:2007.00151, published code, asymmetric noise of CIFAR-10. Its text names the flips alone.
    """
    require_rate(rate)
    noisy = np.array(labels, dtype=np.int64)
    for source, target in flips:
        noisy[_choose(np.flatnonzero(noisy == source), rate, rng, exact=exact)] = target
    return noisy


def plant_by_confusion(
    labels: IntN, confusion: FloatND, rate: float, rng: np.random.Generator, *, per_class: bool = True
) -> IntN:
    """Return the labels with a share of them redrawn from the off-diagonal of their row of a confusion matrix.

    Args:
        labels: (N,) true classes in 0..C-1; not changed.
        confusion: (C, C) row = true class, column = what it is taken for; counts or shares; the diagonal is not read.
        rate: share of samples that get a new label.
        rng: source of the draws.
        per_class: redraw exactly round(rate n) of the n samples of each class; otherwise round(rate N) of all.

    Source:
        S2, arXiv:1912.08741, non-uniform noise of ImageNet32/64. Its text keeps a share 1 - r of every class clean; its
        published code draws over the whole dataset. Both: each row plus 1e-5, the diagonal removed, renormalised.
    """
    require_rate(rate)
    matrix = np.asarray(confusion, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not (matrix >= 0).all():
        raise ValueError(f"a confusion matrix has shape (C, C) and nothing below 0; this one has shape {matrix.shape}.")
    _require_labels(labels, len(matrix))
    others = np.where(
        np.eye(len(matrix), dtype=bool), 0.0, matrix / matrix.sum(axis=1, keepdims=True).clip(1e-12) + 1e-5
    )
    true, noisy = np.asarray(labels), np.array(labels, dtype=np.int64)
    chosen = choose_rows(true, rate, rng, per_class=per_class)
    for true_class in np.unique(true[chosen]):
        row = others[true_class] / others[true_class].sum()
        mine = chosen[true[chosen] == true_class]
        noisy[mine] = rng.choice(len(row), size=mine.size, p=row)
    return noisy


def wrong_rate(given: IntN, true: IntN) -> float:
    """Return the share of labels, in [0, 1], that differ from the truth; NaN for no labels."""
    given_labels, true_labels = np.asarray(given), np.asarray(true)
    if given_labels.shape != true_labels.shape:
        raise ValueError(f"given {given_labels.shape} and true {true_labels.shape} must have the same shape")
    return float((given_labels != true_labels).mean()) if given_labels.size else float("nan")


def _matrix(spec: NoiseSpec) -> Table:
    if spec.name == "asym_c10":
        return cifar10_asym_matrix(spec.rate)
    if spec.name == "asym_c10_paper":
        return map_matrix(spec.n_classes, CIFAR10_PAPER_FLIPS, spec.rate)
    if spec.name == "asym_c100_super":
        return cifar100_super_matrix(spec.rate)
    if spec.name == "map":
        return map_matrix(spec.n_classes, dict(spec.flips), spec.rate)
    if spec.name == "pair":
        return pair_flip_matrix(spec.n_classes, spec.rate)
    return block_matrix(spec.n_classes, BLOCK, spec.rate)


def _choose(positions: IntN, rate: float, rng: np.random.Generator, *, exact: bool) -> IntN:
    if exact:
        return np.asarray(rng.permutation(positions)[: round(rate * positions.size)])
    return np.asarray(positions[rng.random(positions.size) < rate])


def _require_labels(labels: IntN, n_classes: int) -> None:
    require_classes(n_classes)
    array = np.asarray(labels)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"labels must be integers of shape (N,), not {array.dtype} {array.shape}.")
    if array.size and not 0 <= array.min() <= array.max() < n_classes:
        raise ValueError(f"labels run from {array.min()} to {array.max()}, outside 0..{n_classes - 1}.")
