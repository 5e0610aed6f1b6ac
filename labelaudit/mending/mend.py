"""From decisions to corrected data: what would change, and the writing of it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.runs import now
from labelaudit.core.several import several_of
from labelaudit.core.version import VERSION
from labelaudit.gate.compare import content_hash_of, data_settings, find_data
from labelaudit.mending.changes import Change
from labelaudit.mending.layout import How, Layout, Prepared
from labelaudit.mending.opened import open_layout
from labelaudit.mending.record import record_path, require_free_place, write_record
from labelaudit.sources.patterns import is_pattern
from labelaudit.sources.read import read_dataset
from labelaudit.sources.splits import split_of_words

_TEST = "test"


@dataclass(frozen=True, slots=True)
class Difference:
    """What corrected data would differ in."""

    audit: Path
    source: Path | str
    output: Path
    words: str  # what is changed: "column 'label' of labels.csv"
    samples: int  # of the data that was read
    changes: tuple[Change, ...]  # that are made
    splits: Mapping[str, int]  # changes by split, where there are any
    held_back: tuple[Change, ...] = ()  # in a test split
    stale: tuple[Change, ...] = ()  # samples that are not what the audit saw any more
    undecided: int = 0  # confident suggestions that are not applied
    notes: tuple[str, ...] = ()

    @property
    def relabelled(self) -> tuple[Change, ...]:
        """Those that get another label."""
        return tuple(change for change in self.changes if change.after is not None)

    @property
    def left_out(self) -> tuple[Change, ...]:
        """Those that are left out."""
        return tuple(change for change in self.changes if change.after is None)

    @property
    def pairs(self) -> tuple[tuple[str, str, int], ...]:
        """(before, after, how many), the most frequent first."""
        counts = Counter((change.before, change.after or "") for change in self.relabelled)
        return tuple((before, after, n) for (before, after), n in sorted(counts.items(), key=lambda x: (-x[1], x[0])))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "schema": 1,
            "audit": str(self.audit),
            "source": str(self.source),
            "output": str(self.output),
            "samples": self.samples,
            "relabelled": len(self.relabelled),
            "left_out": len(self.left_out),
            "held_back": len(self.held_back),
            "stale": len(self.stale),
            "undecided": self.undecided,
            "splits": dict(self.splits),
            "pairs": [{"before": before, "after": after, "count": n} for before, after, n in self.pairs],
            "changes": [_plain(change) for change in self.changes],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """A difference that can be written."""

    difference: Difference
    how: How
    facts: Mapping[str, Any] = field(default_factory=dict)
    prepared: Prepared | None = None

    def write(self) -> Path:
        """Write the data and its record; returns the record. Others see the whole output or none of it.

        Raises:
            ConfigError: there is something at its place by now.
            DataError: it cannot be written there.
        """
        output = self.difference.output
        assert self.prepared is not None
        require_free_place(output)
        part = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part{output.suffix}")
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            self.prepared.write(part)
            record = write_record(output, part, self.prepared, self.difference.changes, self.facts, by=self.how.by)
            part.replace(output)
        except OSError as error:
            raise DataError(
                f"cannot write {output}: {error.strerror or error}.", hint="Choose another --output."
            ) from error
        finally:
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)
        return record


def plan_of(
    audit: Audit,
    changes: Sequence[Change],
    *,
    how: How,
    data: Path | str | None = None,
    output: Path | str | None = None,
    test: bool = False,
    undecided: int = 0,
) -> Plan:
    """Return what would be written.

    Args:
        audit: whose changes these are.
        changes: what decisions ask for.
        how: the data is written anew.
        data: where it is; None = where the audit found it.
        output: the new file or folder, or a folder to put it in; None = beside the data.
        test: change samples of a test split as well.
        undecided: suggestions that are left aside, to tell the user.

    Raises:
        ConfigError: the data is not here, cannot be written in its layout, or there is something at the output's place.
        DataError: the data cannot be read.
    """
    source = source_of(audit, data)
    settings = data_settings(audit, Path(source))
    dataset = read_dataset(source, settings, several=several_of(audit.meta) is not None)
    layout = open_layout(source, settings, dataset)
    fresh, stale = _fresh(dataset, changes)
    split_of = {change.sample_id: layout.split_of(change.sample_id) for change in fresh}
    held = () if test else tuple(change for change in fresh if _is_test(split_of[change.sample_id]))
    chosen = [change for change in fresh if change not in set(held)]
    target = _target(output, layout)
    _require_elsewhere(target, Path(source))
    _require_same_kind(target, layout.output, Path(source))
    require_free_place(target)
    prepared = layout.prepare(chosen, replace(how, follow_links=settings.follow_links))
    splits = Counter(name for change in chosen if (name := split_of[change.sample_id]) is not None)
    difference = Difference(
        audit=audit.path,
        source=source,
        output=target,
        words=layout.words,
        samples=len(dataset),
        changes=tuple(chosen),
        splits=dict(sorted(splits.items())),
        held_back=held,
        stale=tuple(stale),
        undecided=undecided,
        notes=_notes(prepared, layout, target),
    )
    return Plan(difference, how, _facts(audit, layout, prepared, source, target), prepared)


def source_of(audit: Audit, data: Path | str | None) -> Path | str:
    """Return where the data of an audit is; raises ConfigError where it is not on this machine."""
    if data is not None and is_pattern(str(data)):
        return str(data)
    found = find_data(audit, None if data is None else str(data))
    if isinstance(found, Path):
        return found
    source = str(audit.meta.get("source", ""))
    if is_pattern(source) and "://" not in source:
        return source
    raise ConfigError(
        f"the data of {audit.path.name} is not here: {source or 'it has no place'}.",
        hint="Name a copy on this machine with --data PATH.",
    )


def _fresh(dataset: Dataset, changes: Iterable[Change]) -> tuple[list[Change], list[Change]]:
    """Return the changes of samples that are what the audit saw, and those of others."""
    row_of = {sample_id: row for row, sample_id in enumerate(dataset.sample_ids)}
    fresh: list[Change] = []
    stale: list[Change] = []
    for change in changes:
        row = row_of.get(change.sample_id)
        is_same = row is not None and dataset.classes[int(dataset.given[row])] == change.before
        if is_same and row is not None:
            is_same = content_hash_of(dataset, row) in (change.content_hash, "")
        (fresh if is_same else stale).append(change)
    return fresh, stale


def _is_test(split: str | None) -> bool:
    return split is not None and split_of_words(split) == _TEST


def _target(output: Path | str | None, layout: Layout) -> Path:
    """Return where the data goes: into a folder that is there already under the name that it gets by itself."""
    if output is None:
        return layout.output
    target = Path(output).expanduser()
    return target / layout.output.name if target.is_dir() and not record_path(target).exists() else target


def _require_elsewhere(target: Path, source: Path) -> None:
    here, there = Path(os.path.realpath(target)), Path(os.path.realpath(source))
    if here == there:
        raise ConfigError(f"{target} is the data itself, which is never written over.", hint="Choose another --output.")
    if there.is_dir() and there in here.parents:
        raise ConfigError(f"{target} is in {source}, which it is made from.", hint="Choose an --output beside it.")


def _require_same_kind(target: Path, usual: Path, source: Path) -> None:
    """Raise ConfigError where a file would get a name that says another kind: nobody could read it."""
    if source.is_file() and target.suffix.casefold() != usual.suffix.casefold():
        raise ConfigError(
            f"--output {target}: the corrected data is of the same kind, {usual.suffix or 'without a suffix'}.",
            hint=f"Such as --output {target.with_suffix(usual.suffix)}; or name a folder that is there.",
        )


def _notes(prepared: Prepared, layout: Layout, target: Path) -> tuple[str, ...]:
    """Return what to know before the data is used; paths of a table matter where it goes to another folder."""
    same = Path(os.path.realpath(target.parent)) == Path(os.path.realpath(layout.output.parent))
    moved = [note for note in prepared.notes if note.startswith("its paths")]
    others = [note for note in prepared.notes if note not in moved]
    return (*others, *((f"{note}: scan it with --image-root" for note in moved) if not same else ()))


def _facts(audit: Audit, layout: Layout, prepared: Prepared, source: Path | str, target: Path) -> dict[str, Any]:
    root = os.path.realpath(prepared.root or source)
    return {
        "audit": audit.path.name,
        "source": str(source),
        "from": os.path.relpath(root, os.path.realpath(target.parent)),
        "what": layout.words,
        "when": now(),
        "labelaudit": VERSION,
    }


def _plain(change: Change) -> dict[str, Any]:
    names = ("sample_id", "path", "before", "after", "by", "reason", "who", "clean_prob")
    return {name: getattr(change, name) for name in names}
