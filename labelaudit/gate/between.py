"""What became of the suspects from one audit to another: new, fixed or still there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from labelaudit.core.arrays import IntN
from labelaudit.core.arrow import numbers_of
from labelaudit.gate.columns import FindingColumns, Sample
from labelaudit.gate.compare import positions_of


@dataclass(frozen=True, slots=True)
class Between:
    """The suspects of two audits, most suspicious first in each group."""

    added: tuple[Sample, ...]  # suspects now, of samples that were not there before
    new: tuple[Sample, ...]  # suspects now, of samples that were there: not suspects then, or with another label
    remaining: tuple[Sample, ...]  # suspects then and now, with the same label
    relabelled: tuple[Sample, ...]  # suspects then; they have another label now, and are no suspects any more
    cleared: tuple[Sample, ...]  # suspects then; the same label is no suspect now
    gone: tuple[Sample, ...]  # suspects then, of samples that are not there now

    @property
    def fixed(self) -> int:
        """How many suspects there are no more, whatever the reason."""
        return len(self.relabelled) + len(self.cleared) + len(self.gone)


def between(before: FindingColumns, after: FindingColumns) -> Between:
    """Return what became of the suspects of one audit in another, of the same or of changed data.

    A sample is known by its content, so that it may be renamed; by its id where the content is not known or differs.
    """
    was = matched(before, after)  # for each row of after, its row before
    now = matched(after, before)
    flagged_before, flagged_after = before.flagged, after.flagged
    suspects_after, suspects_before = np.flatnonzero(flagged_after), np.flatnonzero(flagged_before)
    groups: dict[str, list[int]] = {name: [] for name in Between.__dataclass_fields__}
    for row in suspects_after.tolist():
        old = int(was[row])
        if old < 0:
            groups["added"].append(row)
        else:
            is_same = flagged_before[old] and before.given.text(old) == after.given.text(row)
            groups["remaining" if is_same else "new"].append(row)
    for row in suspects_before.tolist():
        then = int(now[row])
        if then < 0:
            groups["gone"].append(row)
        elif not flagged_after[then]:
            is_same = before.given.text(row) == after.given.text(then)
            groups["cleared" if is_same else "relabelled"].append(row)
    of = {name: after if name in ("added", "new", "remaining") else before for name in groups}
    return Between(**{name: _samples(of[name], rows) for name, rows in groups.items()})


def matched(these: FindingColumns, among: FindingColumns) -> IntN:
    """Return (M,) for each row of `among` the row of the same sample in `these`, -1 where there is none."""
    by_id = positions_of(among.sample_ids.to_pylist(), these.sample_ids)
    by_content = numbers_of(pc.index_in(among.content_hashes, value_set=these.content_hashes), -1).astype(np.int64)
    by_content[np.array(among.content_hashes.to_pylist(), dtype=object) == ""] = -1
    theirs = np.array([*these.content_hashes.to_pylist(), ""], dtype=object)
    own = np.array(among.content_hashes.to_pylist(), dtype=object)
    is_itself = (by_id >= 0) & (theirs[by_id] == own)  # of twins, the one with the same name
    return np.where(is_itself | (by_content < 0), by_id, by_content)


def _samples(columns: FindingColumns, rows: list[int]) -> tuple[Sample, ...]:
    ordered = sorted(rows, key=lambda row: int(columns.rank[row]))
    return tuple(columns.sample(row) for row in ordered)
