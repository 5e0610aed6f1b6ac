"""What a method delivers: evidence for every sample, before any threshold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatN as FloatN
from labelaudit.core.stored_arrays import read_arrays, require_array, require_range

TOP_LABELS = 5  # labels kept per sample; the whole (N, C) table is never stored


@dataclass(frozen=True, slots=True)
class Judges:
    """Labels that J judges were asked about, and how they speak of them.

    Either each judge was taught the label that it is asked about: one that differs from the given label was planted. Or
    nobody was taught any of them, as in cross-validation: then those that differ have weights. Both are known to be
    wrong, wherever the given label is right. With J = 0 nobody was taught the given labels, and all others are alike.

    Args:
        scores: (J, N) evidence against the label; higher is worse.
        labels: (J, N) that label, a position in `classes`.
        weights: (J, N) how often a mistake like this one is made, of labels that nobody was taught; None = all were.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.int32]
    weights: NDArray[np.float32] | None = None


PUBLISHED_SPLIT = "stage2_noisy"  # score of DRPL: p(noisy) after stage 2 by the published mixture


def no_judges(n: int) -> Judges:
    """Return what says that none of n given labels was taught."""
    return Judges(np.zeros((0, n), dtype=np.float32), np.zeros((0, n), dtype=np.int32))


@dataclass(frozen=True, slots=True)
class Witness:
    """What one kind of detector says of every given label.

    Args:
        against: (N,) log odds that the label is wrong; positive = the witness prefers another.
        predicted: (N,) the class that it names first, a position in `classes`.
        is_taught: whether it learnt the labels that it judges; otherwise it never saw them.
        is_directed: whether classes flow into each other in one direction, and `against` takes that into account.
    """

    against: NDArray[np.float32]
    predicted: NDArray[np.int32]
    is_taught: bool
    is_directed: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence per sample, rows in Dataset order.

    Args:
        losses: (N,) nats, cross-entropy of the given label: the value the mixture sees.
        given_probs: (N,) model probability of the given label.
        top_labels: (N, K) positions in `classes`, most probable first.
        top_probs: (N, K) their probabilities.
        scores: further evidence by name, (N,) each.
        stages: per stage what was found there (mixture parameters, counts); JSON-ready.
        judges: known-wrong labels to calibrate by; None = there are none.
        witnesses: who says so, by name; empty = the evidence is one witness's.
    """

    losses: FloatN
    given_probs: FloatN
    top_labels: NDArray[np.int64]
    top_probs: FloatN
    scores: Mapping[str, FloatN] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    judges: Judges | None = None
    witnesses: Mapping[str, Witness] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check shapes and that every value is a number."""
        n = len(self.losses)
        columns: dict[str, NDArray[Any]] = {"losses": self.losses, "given_probs": self.given_probs}
        columns |= {"top_probs": self.top_probs, **self.scores}
        columns |= {f"witnesses[{name!r}].against": each.against for name, each in self.witnesses.items()}
        for name, values in columns.items():
            if len(values) != n:
                raise ValueError(f"Evidence.{name} has {len(values)} rows for {n} samples")
            if not np.isfinite(values).all():
                raise ValueError(f"Evidence.{name} has values that are not finite")
        if self.top_labels.shape != self.top_probs.shape:
            raise ValueError(f"top_labels {self.top_labels.shape} and top_probs {self.top_probs.shape} differ")
        if self.judges is not None and self.judges.scores.shape != self.judges.labels.shape:
            raise ValueError(f"judges: scores {self.judges.scores.shape}, labels {self.judges.labels.shape}")
        weights = None if self.judges is None else self.judges.weights
        if self.judges is not None and weights is not None and weights.shape != self.judges.labels.shape:
            raise ValueError(f"judges: weights {weights.shape}, labels {self.judges.labels.shape}")

    def part(self, rows: slice) -> Evidence:
        """Return the evidence on some of the samples."""
        return joined([self], together=lambda arrays: arrays[0][rows])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to store, by name."""
        named: dict[str, NDArray[Any]] = {
            f"score_{name}": values.astype(np.float32) for name, values in self.scores.items()
        }
        if self.judges is not None:
            named |= {"judge_scores": self.judges.scores, "judge_labels": self.judges.labels}
            named |= {} if self.judges.weights is None else {"judge_weights": self.judges.weights}
        for name, witness in self.witnesses.items():
            kind = _KINDS[witness.is_taught, witness.is_directed]
            named |= {f"against_{kind}_{name}": witness.against, f"predicted_{kind}_{name}": witness.predicted}
        return named | {
            "losses": self.losses.astype(np.float32),
            "given_probs": self.given_probs.astype(np.float32),
            "top_labels": self.top_labels.astype(np.int32),
            "top_probs": self.top_probs.astype(np.float32),
        }


def read_evidence(path: Path) -> Evidence:
    """Return the evidence that an audit stored; what each stage found stands in audit.json.

    Raises:
        DataError: the file is missing, damaged, or lacks an array.
    """
    arrays = read_arrays(path)
    losses = require_array(path, arrays, "losses", "f", (None,))
    n = len(losses)
    top_labels = require_array(path, arrays, "top_labels", "iu", (n, None))
    top_probs = require_array(path, arrays, "top_probs", "f", top_labels.shape)
    given_probs = require_array(path, arrays, "given_probs", "f", (n,))
    for name, values in (("given_probs", given_probs), ("top_probs", top_probs)):
        require_range(path, values, name, 0.0, 1.0 + 1e-3)
    return Evidence(
        losses=losses.astype(np.float64),
        given_probs=given_probs.astype(np.float64),
        top_labels=top_labels.astype(np.int64),
        top_probs=top_probs.astype(np.float64),
        scores={
            name.removeprefix("score_"): require_array(path, arrays, name, "f", (n,)).astype(np.float64)
            for name in arrays
            if name.startswith("score_")
        },
        judges=_stored_judges(path, arrays, n),
        witnesses=_stored_witnesses(path, arrays, n),
    )


def require_classes(path: Path, evidence: Evidence, n_classes: int) -> None:
    """Raise DataError where stored evidence names a class that there is not."""
    named: dict[str, NDArray[Any]] = {"top_labels": evidence.top_labels}
    named |= {f"predicted of {name}": each.predicted for name, each in evidence.witnesses.items()}
    named |= {} if evidence.judges is None else {"judge_labels": evidence.judges.labels}
    for name, labels in named.items():
        require_range(path, labels, name, 0, n_classes - 1)


def read_against(path: Path, *, voting: Collection[str] = ()) -> FloatN:
    """Return (N,) the evidence against each given label, 0 = as much for it as against it; in nats, or units of one.

    Reads few arrays of the file and no more; raises as `read_evidence` does.

    Args:
        path: of the evidence.
        voting: witnesses whose mean it is, each in units of its clear agreement; none = what the method's scores say.
    """
    arrays = read_arrays(path, lambda name: name in _SAYS or (name.startswith("against_") and _heard(name, voting)))
    n = len(require_array(path, arrays, "losses", "f", (None,)))
    found = {name: require_array(path, arrays, name, "f", (n,)).astype(np.float64) for name in arrays}
    heard = [values for name, values in found.items() if name.startswith("against_")]
    if heard:
        return np.asarray(np.mean([each / _clear_agreement(each) for each in heard], axis=0, dtype=np.float64))
    if "score_evidence" in found:
        return found["score_evidence"]
    if "score_margin" in found:
        return -found["score_margin"]
    losses = found["losses"]
    return np.asarray(np.log(np.expm1(np.clip(losses, _TINY, 50.0))))  # log odds of any other label


def read_score(path: Path, name: str) -> FloatN | None:
    """Return (N,) one of the method's scores; None where an audit has no such score, or no evidence any more."""
    if not path.exists():
        return None
    column = f"score_{name}"
    arrays = read_arrays(path, lambda each: each == column)
    return np.asarray(require_array(path, arrays, column, "f", (None,)), dtype=np.float64) if arrays else None


_SAYS = ("losses", "score_evidence", "score_margin")


def _heard(array: str, voting: Collection[str]) -> bool:
    return array.removeprefix("against_").partition("_")[2] in voting


def _clear_agreement(against: NDArray[Any]) -> float:
    """Return how clearly a witness agrees where it does so most: the 90th percentile."""
    agreeing = -against[against < 0]
    return float(np.quantile(agreeing, 0.9)) if len(agreeing) else 1.0


def evidence_from_probs(
    probs: NDArray[np.floating[Any]],
    given: NDArray[np.int64],
    *,
    stages: Mapping[str, Mapping[str, Any]] | None = None,
    scores: Mapping[str, FloatN] | None = None,
    judges: Judges | None = None,
    witnesses: Mapping[str, Witness] | None = None,
) -> Evidence:
    """Return the evidence that a table of class probabilities implies.

    Args:
        probs: (N, C); rows sum to 1.
        given: (N,) positions of the given labels.
        stages: what each stage found.
        scores: further evidence, (N,) each; the log margin of the given label is added as "margin".
        judges: known-wrong labels to calibrate by.
        witnesses: who says so, by name.
    """
    given_probs = probs[np.arange(len(given)), given].astype(np.float64)
    best_other = np.empty(len(given))
    order = np.empty((len(given), min(TOP_LABELS, probs.shape[1])), dtype=np.int64)
    for start in range(0, len(given), _BLOCK):
        part = slice(start, start + _BLOCK)
        order[part] = np.argsort(-probs[part], axis=1, kind="stable")[:, : order.shape[1]]
        others = probs[part].astype(np.float64, copy=True)
        others[np.arange(len(others)), given[part]] = -1.0
        best_other[part] = others.max(axis=1)
    losses = -np.log(np.maximum(given_probs, _TINY))
    margin = -losses - np.log(np.maximum(best_other, _TINY))
    return Evidence(
        losses=losses,
        given_probs=given_probs,
        top_labels=order,
        top_probs=np.take_along_axis(probs, order, axis=1).astype(np.float64),
        scores={"margin": margin, **(scores or {})},
        stages=stages or {},
        judges=judges,
        witnesses=witnesses or {},
    )


def joined(
    parts: Sequence[Evidence], *, together: Callable[[Sequence[NDArray[Any]]], NDArray[Any]] = np.concatenate
) -> Evidence:
    """Return the evidence on the samples of all parts, one after the other; they were made alike.

    Args:
        parts: at least one.
        together: joins arrays whose first axis is the samples.
    """
    judges = [part.judges for part in parts if part.judges is not None]
    weights = [each.weights.T for each in judges if each.weights is not None]
    return Evidence(
        losses=together([part.losses for part in parts]),
        given_probs=together([part.given_probs for part in parts]),
        top_labels=together([part.top_labels for part in parts]),
        top_probs=together([part.top_probs for part in parts]),
        scores={name: together([part.scores[name] for part in parts]) for name in parts[0].scores},
        stages=parts[0].stages,
        judges=Judges(
            together([each.scores.T for each in judges]).T,
            together([each.labels.T for each in judges]).T,
            together(weights).T if weights else None,
        )
        if judges
        else None,
        witnesses={
            name: Witness(
                together([part.witnesses[name].against for part in parts]),
                together([part.witnesses[name].predicted for part in parts]),
                is_taught=first.is_taught,
                is_directed=first.is_directed,
            )
            for name, first in parts[0].witnesses.items()
        },
    )


def witness_from_probs(probs: NDArray[np.floating[Any]], given: NDArray[np.int64], *, is_taught: bool) -> Witness:
    """Return what (N, C) class probabilities say of the given labels: the log margin of the best other class."""
    evidence = evidence_from_probs(probs, given)
    predicted = evidence.top_labels[:, 0].astype(np.int32)
    return Witness(-evidence.scores["margin"].astype(np.float32), predicted, is_taught=is_taught)


def _stored_judges(path: Path, arrays: Mapping[str, NDArray[Any]], n: int) -> Judges | None:
    if "judge_scores" not in arrays:
        return None
    scores = require_array(path, arrays, "judge_scores", "f", (None, n))
    labels = require_array(path, arrays, "judge_labels", "iu", scores.shape)
    weights = require_array(path, arrays, "judge_weights", "f", scores.shape) if "judge_weights" in arrays else None
    return Judges(scores, labels, weights)


def _stored_witnesses(path: Path, arrays: Mapping[str, NDArray[Any]], n: int) -> dict[str, Witness]:
    witnesses = {}
    for key in arrays:
        for (is_taught, is_directed), kind in _KINDS.items():
            name = key.removeprefix(f"against_{kind}_")
            if name != key:
                against = require_array(path, arrays, key, "f", (n,))
                predicted = require_array(path, arrays, f"predicted_{kind}_{name}", "iu", (n,))
                witnesses[name] = Witness(against, predicted, is_taught=is_taught, is_directed=is_directed)
    return witnesses


# How a witness came by its opinion, in the names of stored arrays: taught the labels or not, directed or not.
_KINDS = {
    (True, False): "taught",
    (False, False): "unseen",
    (True, True): "taught-directed",
    (False, True): "unseen-directed",
}
_BLOCK = 65_536  # samples at a time: copies of the whole (N, C) table would be the peak of the memory
_TINY = 1e-12  # a float32 softmax cannot tell smaller probabilities apart
