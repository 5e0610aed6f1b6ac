"""Which label each sample is trained on: given, suggested, soft or split by an audit; a person's word goes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import BoolN, Dataset, FloatNC, IntN
from labelaudit.core.decisions import Key, Known, read_decisions
from labelaudit.core.errors import DataError, count
from labelaudit.core.evidence import PUBLISHED_SPLIT, read_score
from labelaudit.core.findings import read_table
from labelaudit.core.issues import Action

LabelKind = Literal["given", "suggested", "soft", "split"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)

_COLUMNS = (
    "sample_id",
    "content_hash",
    "given_label",
    "suggested_label",
    "action",
    "clean_prob",
    "top_labels",
    "top_probs",
)
_PUBLISHED_THRESHOLD = 0.5  # gamma 2 of Ortego et al. 2020, arXiv:1912.08741, for audits that did not note it
_ABOUT_ONE = 1e-6  # a sum of probabilities below this holds nothing


@dataclass(frozen=True, slots=True)
class TrainingLabels:
    """What N samples are trained on."""

    given: IntN  # (N,) position in the classes
    kept: BoolN  # (N,) False: known to be wrong with no right label known, or of no use
    trusted: BoolN  # (N,) right by decree
    targets: FloatNC | None = None  # (N, C) soft labels, for soft and split
    fixed: BoolN | None = None  # (N,) whose targets stay; training renews the others
    counts: Mapping[str, int] | None = None  # what was taken from where, for people

    def describe(self) -> str:
        """Return "9,100 as given, 820 suggested, 12 decided by people, 68 left out"."""
        return ", ".join(f"{n:,} {what}" for what, n in (self.counts or {}).items() if n)


def training_labels(
    dataset: Dataset, content_hashes: Sequence[str], audit: Audit | None, kind: LabelKind
) -> TrainingLabels:
    """Return the labels to train on.

    A person's decision counts before everything: a label called ok is kept and trusted; a wrong one becomes the right
    one and is trusted; where that is not known, the sample is left out. Samples that the audit has not seen keep their
    given label.

    Args:
        dataset: N samples, as they are now.
        content_hashes: (N,) of them.
        audit: with suggestions and decisions; None where there is none.
        kind: `suggested` applies what the audit would relabel, and leaves out what it would drop; `soft` takes its
            probabilities; `split` the given label of what it would keep, and its probabilities elsewhere. An audit by
            DRPL's published schedule keeps what its second stage's posterior splits off, as the paper's final training.
    """
    labels = _as_given(dataset)
    if audit is None:
        return labels
    decided = _decided(labels, dataset, content_hashes, read_decisions(audit).known)
    if kind == "given":
        return decided
    rows = _Rows(audit, dataset, content_hashes)
    if kind == "suggested":
        return _suggested(decided, dataset, rows)
    return _with_targets(decided, dataset, rows, kind)


def _as_given(dataset: Dataset) -> TrainingLabels:
    n = len(dataset)
    return TrainingLabels(
        dataset.given.copy(), np.ones(n, dtype=np.bool_), dataset.trusted.copy(), counts={"as given": n}
    )


def _decided(
    labels: TrainingLabels, dataset: Dataset, content_hashes: Sequence[str], known: Mapping[Key, Known]
) -> TrainingLabels:
    """Return the labels as people decided them."""
    given, kept, trusted = labels.given, labels.kept, labels.trusted
    place = {name: at for at, name in enumerate(dataset.classes)}
    n_decided = 0
    names = (dataset.classes[label] for label in dataset.given.tolist())
    for row, key in enumerate(zip(content_hashes, names, strict=True)):
        decision = known.get(key)
        if decision is None or decision.decision == "open":
            continue
        n_decided += 1
        trusted[row] = True
        if decision.decision == "wrong":
            kept[row] = decision.label in place
            given[row] = place.get(decision.label, given[row])
    left_out = int((~kept).sum())
    counts = {
        "as given": len(given) - n_decided,
        "decided by people": n_decided - left_out,
        "called wrong and left out": left_out,
    }
    return TrainingLabels(given, kept, trusted, counts=counts)


class _Rows:
    """The findings of an audit, in the order of a dataset of now."""

    def __init__(self, audit: Audit, dataset: Dataset, content_hashes: Sequence[str]) -> None:
        table = read_table(audit.findings_path, _COLUMNS)
        self._table = table
        hashes, labels = table["content_hash"].to_pylist(), table["given_label"].to_pylist()
        by_content = {key: row for row, key in enumerate(zip(hashes, labels, strict=True)) if key[0]}
        names = (dataset.classes[label] for label in dataset.given.tolist())
        found = [by_content.get(key, -1) for key in zip(content_hashes, names, strict=True)]
        self.positions = np.array(found, dtype=np.int64)  # (N,) row of each sample, -1 = not seen with this label
        self.known = self.positions >= 0
        self.published_split = self._published_split(audit)  # (N,) bool; None where the audit's method makes none

    def _published_split(self, audit: Audit) -> BoolN | None:
        """Return what DRPL's published posterior keeps as labelled, at the threshold of the audit's recipe."""
        noisy = read_score(audit.evidence_path, PUBLISHED_SPLIT)
        if noisy is None:
            return None
        threshold = audit.meta["recipe"]["options"].get("stage2_threshold", _PUBLISHED_THRESHOLD)
        kept = np.zeros(len(self.positions), dtype=np.bool_)
        scanned = self.known & (self.positions < len(noisy))  # findings end with what was set aside
        kept[scanned] = noisy[self.positions[scanned]] <= threshold
        return kept

    def texts(self, column: str) -> NDArray[np.object_]:
        """Return (N,) the cells of a column, None for samples that the audit has not seen."""
        cells = self._taken(column).to_pylist()
        return np.array(cells, dtype=object)

    def top(self) -> list[tuple[list[str], list[float]]]:
        """Return (N,) the best labels of each sample and their probabilities; empty where it was not seen."""
        labels, probs = self._taken("top_labels").to_pylist(), self._taken("top_probs").to_pylist()
        return [(label or [], prob or []) for label, prob in zip(labels, probs, strict=True)]

    def _taken(self, column: str) -> pa.ChunkedArray:
        return self._table[column].take(pa.array(self.positions, mask=~self.known))


def _suggested(labels: TrainingLabels, dataset: Dataset, rows: _Rows) -> TrainingLabels:
    place = {name: at for at, name in enumerate(dataset.classes)}
    actions, suggestions = rows.texts("action"), rows.texts("suggested_label")
    free = ~labels.trusted & labels.kept  # nobody has decided
    suggested = np.array([place.get(name, -1) for name in suggestions], dtype=np.int64)
    applied = free & (actions == Action.RELABEL) & (suggested >= 0)
    dropped = free & (actions == Action.DROP)
    counts = {
        **(labels.counts or {}),
        "as suggested": int(applied.sum()),
        "dropped": int(dropped.sum()),
    }
    counts["as given"] -= counts["as suggested"] + counts["dropped"]
    return TrainingLabels(
        np.where(applied, suggested, labels.given), labels.kept & ~dropped, labels.trusted, counts=counts
    )


def _with_targets(labels: TrainingLabels, dataset: Dataset, rows: _Rows, kind: LabelKind) -> TrainingLabels:
    """Return soft targets: the audit keeps the best five labels only, and the rest is spread over the others."""
    actions = rows.texts("action")
    hard = labels.trusted | ~rows.known  # one label for sure, or nothing else known
    if kind == "split":
        hard |= (actions == Action.KEEP) if rows.published_split is None else rows.published_split
    targets = np.zeros((len(dataset), dataset.n_classes), dtype=np.float32)
    targets[np.arange(len(dataset)), labels.given] = 1.0
    for row, (names, probs) in enumerate(rows.top()):
        if not hard[row] and names:
            targets[row] = _spread(dataset.classes, names, probs)
    fixed = hard if kind == "split" else np.ones(len(dataset), dtype=np.bool_)
    what = "soft" if kind == "soft" else "taken without their label"
    counts = {**(labels.counts or {}), what: int((~hard & labels.kept).sum())}
    counts["as given"] -= counts[what]
    return TrainingLabels(labels.given, labels.kept, labels.trusted, targets, fixed, counts)


def _spread(classes: Sequence[str], names: Sequence[str], probs: Sequence[float]) -> NDArray[np.float32]:
    """Return (C,) probabilities that sum to 1: those that are known, and what is missing over the other classes."""
    known = dict(zip(names, probs, strict=True))
    others = max(len(classes) - len(known), 0)
    missing = max(1.0 - sum(known.values()), 0.0)
    row = np.array([known.get(name, missing / others if others else 0.0) for name in classes])
    total = float(row.sum())
    return np.asarray(row / total if total > _ABOUT_ONE else np.full(len(classes), 1.0 / len(classes)), np.float32)


def require_classes_left(labels: TrainingLabels, dataset: Dataset) -> None:
    """Raise DataError where fewer than two classes have a sample to train on."""
    left = np.unique(labels.given[labels.kept])
    if len(left) < 2:
        raise DataError(
            f"{count(len(left), 'class', 'classes')} left to train on, of {dataset.n_classes}; {labels.describe()}.",
            hint="Train on --labels given, or look at the decisions of people.",
        )
