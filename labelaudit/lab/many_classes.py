"""Probe and verdicts where classes are many and samples few: pairs of classes, of two samples side by side.

    python -m labelaudit.lab.many_classes VECTORS.npz

The file holds `x` (N, D) vectors of an encoder, `true` and `given` (N,) integer labels. A row tells of each set how its
labels are ranked, what is said of their noise, and what is flagged, beside what is true.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from labelaudit.core.arrays import BoolN, FloatN, FloatND, IntN
from labelaudit.functional.metrics import average_precision, f1
from labelaudit.judging.disputes import read_disputes
from labelaudit.lab.people import best_f1
from labelaudit.training.probing import Options, probe, unseen_evidence

SIZES = ((3000, 30), (3000, 100), (2000, 100), (1500, 50))  # samples, classes
SMALL = (300, 1000, 3000)  # samples of the ten classes as they are
_OPTIONS = Options(rounds=1, folds=5)


@dataclass(frozen=True, slots=True)
class Made:
    """A set of N samples."""

    name: str
    vectors: FloatND  # (N, D)
    true: IntN
    given: IntN
    n_classes: int


def main() -> int:
    """Print a row for every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path)
    with np.load(parser.parse_args().vectors, allow_pickle=False) as stored:
        vectors, true, given = (stored[name] for name in ("x", "true", "given"))
    sys.stdout.write("set                      wrong  robust agrees     AP  said                   F1 / best\n")
    for made in sets(vectors.astype(np.float32), true.astype(np.int64), given.astype(np.int64)):
        sys.stdout.write(f"{row(made)}\n")
        sys.stdout.flush()
    return 0


def sets(vectors: FloatND, true: IntN, given: IntN) -> Iterator[Made]:
    """Yield samples of all classes, and pairs of samples whose classes are pairs, with labels of each kind."""
    draw = np.random.default_rng(0)
    for n in SMALL:
        some = draw.permutation(len(true))[:n]
        yield from _with_labels(str(n), vectors[some], true[some], given[some], int(true.max()) + 1, draw)
    for n, n_classes in SIZES:
        one, other = draw.permutation(len(true))[:n], draw.permutation(len(true))[:n]
        width = n_classes // (int(true.max()) + 1)
        joined = np.concatenate([vectors[one], vectors[other]], axis=1)
        pairs = [labels[one] * width + labels[other] % width for labels in (true, given)]
        yield from _with_labels(f"{n} pairs", joined, pairs[0], pairs[1], n_classes, draw)


def row(made: Made) -> str:
    """Return what is found in a set, in one line."""
    is_wrong = made.true != made.given
    vectors, given = torch.from_numpy(made.vectors), torch.from_numpy(made.given)
    opinion = probe(vectors, given, made.n_classes, _OPTIONS, seed=0)
    evidence = unseen_evidence(opinion, made.given, made.n_classes, seed=0)
    counts = np.bincount(made.given, minlength=made.n_classes)
    disputes = read_disputes(evidence.witnesses, made.given, counts, counted=np.ones(len(made.given), dtype=bool))
    assert disputes is not None
    noise = disputes.noise
    said = f"{noise.rate:.2f} [{noise.low:.3f}, {noise.high:.2f}]" if disputes.is_learnt else "cannot tell"
    flagged = (disputes.wrong() > 0.5) & disputes.is_learnt
    ranked = _ap(is_wrong, -evidence.scores["margin"])
    return (
        f"{made.name:<24} {is_wrong.mean():5.2f}  {opinion.voices['robust']['accuracy']:13.2f}"
        f"  {ranked:5.3f}  {said:<20}  {f1(flagged, is_wrong):.2f} / {best_f1(disputes.disputed, is_wrong):.2f}"
    )


def _with_labels(
    name: str, vectors: FloatND, true: IntN, given: IntN, n_classes: int, draw: np.random.Generator
) -> Iterator[Made]:
    yield Made(f"{name} of {n_classes}, right", vectors, true, true, n_classes)
    yield Made(f"{name} of {n_classes}, people", vectors, true, given, n_classes)
    for rate in (0.15, 0.4):
        moved = draw.random(len(true)) < rate
        planted = np.where(moved, (true + draw.integers(1, n_classes, len(true))) % n_classes, true)
        yield Made(f"{name} of {n_classes}, {rate:.0%}", vectors, true, planted, n_classes)


def _ap(is_wrong: BoolN, against: FloatN) -> float:
    return average_precision(against, is_wrong) if is_wrong.any() else float("nan")


if __name__ == "__main__":
    sys.exit(main())
