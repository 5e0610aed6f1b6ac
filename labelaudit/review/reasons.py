"""Why a sample is suspected: what was thought likely, what each witness says, its twins, and what is most like it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.audits import Audit
from labelaudit.core.errors import DataError
from labelaudit.core.neighbours import Neighbours, read_neighbours
from labelaudit.core.several import label_numbers, several_of
from labelaudit.functional.near import NEAR_BITS
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.near import kept_hashes
from labelaudit.review.sight import Sight

_NEIGHBOURS, _TWINS = 4, 6  # that are shown: of each class, and in all
_LOOKS_RIGHT = 0.5  # clean_prob from which a sample may stand for its class
_TYPICAL = 60  # surest samples of a class, of which those that stand for it are taken evenly


class Reasons:
    """What an audit stores about the why of N findings; what it does not store is left out."""

    def __init__(self, audit: Audit, columns: FindingColumns, sight: Sight) -> None:
        self._audit, self._columns, self._sight = audit, columns, sight
        self._scanned: IntN = np.flatnonzero(columns.scanned)
        self._place = np.full(len(columns), -1, dtype=np.int64)
        self._place[self._scanned] = np.arange(len(self._scanned))
        self._typical: dict[str, list[int]] = {}

    def of(self, row: int) -> dict[str, Any]:
        """Return everything that speaks for and against the label of a row, ready for JSON."""
        return {
            "top": self._top(row),
            "witnesses": self._witnesses(row),
            "twins": self._twins(row),
            "neighbours": self._neighbours(row),
        }

    def _top(self, row: int) -> list[dict[str, Any]]:
        labels, probs = (self._tops[name][row].as_py() for name in ("top_labels", "top_probs"))
        return [{"label": label, "prob": round(prob, 4)} for label, prob in zip(labels or [], probs or [], strict=True)]

    def _witnesses(self, row: int) -> list[dict[str, Any]]:
        """Return each witness, the label that it would give, and by which odds it is against the given one."""
        place = int(self._place[row])
        named = ((self._audit.meta.get("results") or {}).get("witnesses") or {}).get("named") or {}
        said = []
        for name, (against, predicted) in self._opinions.items():
            facts = named.get(name) or {}
            said.append(
                {
                    "name": name,
                    "label": self._classes[int(predicted[place])],
                    "against": round(float(against[place]), 2),
                    "taught": facts.get("taught"),
                    "agreement": facts.get("agreement"),
                }
            )
        return said

    def _twins(self, row: int) -> list[dict[str, Any]]:
        """Return samples of the same content, then those that differ by a few bits of a hash of it."""
        same = pc.equal(self._columns.content_hashes, self._columns.content_hashes[row])
        rows = [at for at in pc.indices_nonzero(same).to_pylist() if at != row and self._columns.scanned[at]]
        if self._about:  # the other labels of the same sample are no twins
            rows = [at for at in rows if self._label_number(at) == self._label_number(row)]
        found = [self._shown(at) | {"bits": 0} for at in rows[:_TWINS]]
        hashes, place = self._hashes, int(self._place[row])
        if hashes is None or place < 0 or hashes[place] == 0:
            return found
        bits = _different_bits(hashes, place)
        near = np.flatnonzero((bits <= NEAR_BITS) & (hashes != 0))
        near = near[np.argsort(bits[near], kind="stable")]
        others = [int(self._scanned[at]) for at in near.tolist() if at != place]
        found += [
            self._shown(at) | {"bits": int(bits[self._place[at]]) or 1}
            for at in [at for at in others if at not in set(rows)][: _TWINS - len(found)]
        ]
        return found

    def _label_number(self, row: int) -> int | None:
        return self._about.get(self._columns.given.text(row) or "")

    def _neighbours(self, row: int) -> list[dict[str, Any]]:
        """Return, of the given and the suggested class, the samples that look right and are most like a row."""
        sample = self._columns.sample(row)
        stored = self._stored.of(row) if self._stored is not None else ([], [])
        groups = []
        for label, found in zip((sample.given_label, sample.suggested_label), stored, strict=True):
            if label is None:
                continue
            near = found or [at for at, _ in self._sight.alike(row, label, 8 * _NEIGHBOURS) if self._looks_right[at]]
            how = "nearest" if near else "typical"
            rows = near or self._typical_of(label)
            shown = [self._shown(at) for at in rows if at != row][:_NEIGHBOURS]
            if shown:
                groups.append({"label": label, "how": how, "samples": shown})
        return groups

    def _typical_of(self, label: str) -> list[int]:
        """Return samples of a class of which the audit is sure, spread over those that it is surest of."""
        if label not in self._typical:
            rows = np.flatnonzero(self._columns.given.is_in(label) & self._looks_right)
            best = rows[np.argsort(-self._columns.rank[rows], kind="stable")][:_TYPICAL]
            self._typical[label] = best[:: max(1, len(best) // (_NEIGHBOURS + 1))].tolist()
        return self._typical[label]

    def _shown(self, row: int) -> dict[str, Any]:
        sample = self._columns.sample(row)
        return {"row": row, "hash": sample.content_hash[:16], "path": sample.path, "given": sample.given_label}

    @cached_property
    def _looks_right(self) -> BoolN:
        sure = np.nan_to_num(self._columns.clean_prob) >= _LOOKS_RIGHT
        return np.asarray(sure & self._columns.scanned & ~self._columns.flagged)

    @cached_property
    def _classes(self) -> list[str]:
        named = (self._audit.meta.get("dataset") or {}).get("classes")
        return list(named or self._columns.given.names)

    @cached_property
    def _about(self) -> Mapping[str, int]:
        """Return which label each class is about, where samples have several."""
        return {} if several_of(self._audit.meta) is None else label_numbers(self._classes)

    @cached_property
    def _tops(self) -> pa.Table:
        try:
            return pq.read_table(self._audit.findings_path, columns=["top_labels", "top_probs"])
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{self._audit.findings_path} cannot be read: {error}.") from error

    @cached_property
    def _stored(self) -> Neighbours | None:
        try:
            return read_neighbours(self._audit, len(self._columns))
        except DataError:  # damaged: they are an extra here
            return None

    @cached_property
    def _hashes(self) -> NDArray[np.uint64] | None:
        try:
            return kept_hashes(self._audit, len(self._scanned))
        except DataError:  # damaged: twins are an extra here, and `check` says so
            return None

    @cached_property
    def _opinions(self) -> Mapping[str, tuple[NDArray[np.float32], NDArray[np.int32]]]:
        """Return what each witness says, by name; nothing of updates, whose evidence is of some samples only."""
        try:
            with np.load(self._audit.evidence_path, allow_pickle=False) as stored:
                names = [name.removeprefix("against_") for name in stored.files if name.startswith("against_")]
                said = {
                    name.partition("_")[2]: (stored[f"against_{name}"], stored[f"predicted_{name}"]) for name in names
                }
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return {}
        return {name: each for name, each in said.items() if len(each[0]) == len(self._scanned)}


def _different_bits(hashes: NDArray[np.uint64], place: int) -> IntN:
    """Return (N,) how many bits of hashes differ from one of them; np.bitwise_count came with numpy 2."""
    differ = (hashes ^ hashes[place]).view(np.uint8).reshape(len(hashes), 8)
    return np.asarray(np.unpackbits(differ, axis=1).sum(axis=1), dtype=np.int64)
