"""Noise that depends on the sample and not on its class alone; and what changes the samples themselves."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from labelaudit.core.arrays import FloatN, IntN
from labelaudit.noise.matrices import FloatND, require_rate

_FLIP_DEVIATION = 0.1  # of the samples' own flip rates; Xia et al. 2020, algorithm 2
_FLOOR = 1e-5  # added to every cell of a confusion; S2's published code


def plant_ambiguous(labels: IntN, probs: FloatND, rate: float) -> IntN:
    """Return the labels with the round(rate N) most doubtful ones flipped to the most probable other class.

    Args:
        labels: (N,) true classes in 0..C-1; not changed.
        probs: (N, C) of a classifier that does not know every label.
        rate: share of the labels that become wrong, exactly.

    Source:
        Chen et al. 2021, arXiv:2012.05458, generation of instance-dependent noise: the samples with the highest score
        of any other class flip to it. Deviation: the scores are those of one small classifier instead of the mean over
        a training's epochs.
    """
    require_rate(rate)
    others = np.array(probs, dtype=np.float64)
    others[np.arange(len(labels)), labels] = -1.0
    worst = np.argsort(-others.max(axis=1), kind="stable")[: round(rate * len(labels))]
    noisy = np.array(labels, dtype=np.int64)
    noisy[worst] = others[worst].argmax(axis=1)
    return noisy


def plant_by_part(labels: IntN, features: FloatND, n_classes: int, rate: float, rng: np.random.Generator) -> IntN:
    """Return the labels flipped by what the sample looks like: its features, projected at random, choose the class.

    Every class has a random (D, C) projection; every sample has its own flip rate, drawn around `rate`, and flips to
    the other classes by the softmax of its projected features.

    Args:
        labels: (N,) true classes in 0..C-1; not changed.
        features: (N, D), about unit variance per dimension.
        n_classes: C.
        rate: centre of the flip rates, which are cut off at 0 and 1: at 0.1 about 0.13 of the labels become wrong.
        rng: source of the draws.

    Source:
        Xia et al. 2020, arXiv:2006.07836, algorithm 2. Deviation: standardised features of a small network, divided by
        the square root of D, stand in for the pixels, so that the projections do not depend on the image size.
    """
    require_rate(rate)
    if rate == 0.0:
        return np.array(labels, dtype=np.int64)
    flip = _truncated_normal(rate, len(labels), rng)
    projections = rng.standard_normal((n_classes, features.shape[1], n_classes))
    noisy = np.array(labels, dtype=np.int64)
    for true_class in range(n_classes):
        mine = np.flatnonzero(np.asarray(labels) == true_class)
        logits = features[mine] @ projections[true_class] / np.sqrt(features.shape[1])  # (n, C)
        logits[:, true_class] = -np.inf
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares *= (flip[mine] / shares.sum(axis=1))[:, None]
        shares[:, true_class] = 1.0 - flip[mine]
        noisy[mine] = (rng.random(len(mine))[:, None] > shares.cumsum(axis=1)).sum(axis=1).clip(0, n_classes - 1)
    return noisy


def plant_open_set(
    labels: IntN,
    n_classes: int,
    left_out: int,
    rate: float,
    rng: np.random.Generator,
    *,
    confusion: FloatND | None = None,
    by_column: bool = False,
) -> tuple[IntN, IntN]:
    """Return which samples stay, and whose content each of them shows.

    The last `left_out` classes are left out; a share of the M samples that stay keep their label and show a sample of a
    class that was left out, each of which is shown at most once.

    Args:
        labels: (N,) true classes in 0..C-1.
        n_classes: C.
        left_out: number of classes that are left out.
        rate: share of the samples that stay whose content is replaced.
        rng: source of the draws.
        confusion: (C, C) row = true class, column = what it is taken for; None replaces uniformly.
        by_column: read the confusion as S2's published code does: show what is taken for the label's class, and replace
            round(rate M) samples of all; otherwise show what the label's class is taken for, and replace the same share
            of every class.

    Returns:
        (M,) positions that stay, and (M,) positions of what they show: the same, or that of a sample left out.

    Raises:
        ValueError: the classes left out have too few samples.

    Source:
        S2, arXiv:1912.08741, out-of-distribution noise of ImageNet32/64: uniformly, from a permutation of the others'
        samples, as the published code does; by confusion, a class with probability proportional to its confusion with
        the label (plus 1e-5), then its next unused sample. Deviation: where a class is used up, another one is drawn.
    """
    require_rate(rate)
    inside = n_classes - left_out
    given = np.asarray(labels)
    stay, pool = np.flatnonzero(given < inside), rng.permutation(np.flatnonzero(given >= inside))
    chosen = choose_rows(given[stay], rate, rng, per_class=confusion is not None and not by_column)
    if len(chosen) > len(pool):
        raise ValueError(
            f"{len(chosen):,} samples are to be replaced, and the {left_out} classes left out have {len(pool):,}."
        )
    content = stay.copy()
    if confusion is None:
        content[chosen] = pool[: len(chosen)]
        return stay, content
    taken_for = confusion.T if by_column else confusion  # row = label
    unused = {int(c): pool[given[pool] == c].tolist() for c in range(inside, n_classes)}
    for place in chosen:
        left = [c for c, samples in unused.items() if samples]
        weight = taken_for[given[stay[place]], left] + _FLOOR
        content[place] = unused[int(rng.choice(left, p=weight / weight.sum()))].pop()
    return stay, content


def choose_rows(labels: IntN, rate: float, rng: np.random.Generator, *, per_class: bool) -> IntN:
    """Return the positions of exactly round(rate n) samples, of each class or of all, in a random order."""
    if not per_class:
        return np.asarray(rng.permutation(len(labels))[: round(rate * len(labels))])
    members = (np.flatnonzero(labels == label) for label in np.unique(labels))
    chosen = [rng.permutation(mine)[: round(rate * len(mine))] for mine in members]
    return rng.permutation(np.concatenate([np.empty(0, dtype=np.int64), *chosen]))


def long_tail(labels: IntN, n_classes: int, ratio: float, rng: np.random.Generator) -> IntN:
    """Return the positions, in order, of a sub-sample whose classes shrink exponentially from the first to the last.

    Class c keeps n_max ratio^(-c / (C - 1)) samples, at least one, and all of them where it has fewer; n_max is the
    size of the largest class.

    Source:
        Cui et al. 2019, arXiv:1901.05555, long-tailed CIFAR; `ratio` is their imbalance factor, largest to smallest.
    """
    if not ratio >= 1.0:
        raise ValueError(f"the ratio of the largest to the smallest class is 1 or more, not {ratio}.")
    given = np.asarray(labels)
    most = np.bincount(given, minlength=n_classes).max(initial=0)
    kept = []
    for label in range(n_classes):
        mine = np.flatnonzero(given == label)
        size = max(1, round(float(most) * ratio ** (-label / max(1, n_classes - 1))))
        kept.append(rng.permutation(mine)[:size])
    return np.sort(np.concatenate(kept)).astype(np.int64)


def _truncated_normal(mean: float, n: int, rng: np.random.Generator) -> FloatN:
    """Return (n,) draws of a normal distribution that is cut off at 0 and 1."""
    below, above = ndtr(-mean / _FLIP_DEVIATION), ndtr((1.0 - mean) / _FLIP_DEVIATION)
    drawn = ndtri(below + (above - below) * rng.random(n))
    return np.asarray(np.clip(mean + _FLIP_DEVIATION * drawn, 0.0, 1.0), dtype=np.float64)
