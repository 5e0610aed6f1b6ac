"""`labelaudit audits`, `compare` and `verify`: the audits of a folder, what changed, and whether they are whole."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labelaudit.core.audits import HOME, Audit, audits_of, find_audit, list_audits
from labelaudit.core.errors import ConfigError, DataError, count, did_you_mean
from labelaudit.core.files import own_path, read_own
from labelaudit.gate.between import Between, between
from labelaudit.gate.opened import open_audit, settings_in_force
from labelaudit.gate.verified import Verified, verify_audit


@dataclass(frozen=True, slots=True)
class ListedAudit:
    """An audit in a line."""

    name: str
    path: Path
    status: str  # running, finished, failed, interrupted or damaged
    source: str  # the dataset as it was named
    method: str
    created: str  # ISO 8601, UTC
    samples: int | None
    noise: float | None  # likely share of wrong labels
    decisions: int  # of people
    size: int  # bytes

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True, slots=True)
class Compared:
    """Two audits and what became of the suspects."""

    before: Audit
    after: Audit
    noise: tuple[float | None, float | None]  # likely shares of wrong labels
    suspects: tuple[int, int]
    between: Between

    def __repr__(self) -> str:
        return f"<Compared {self.before.path.name} to {self.after.path.name}: {self.describe()}>"

    def describe(self) -> str:
        """Return "3 new, 12 fixed, 40 remaining"."""
        new = len(self.between.new) + len(self.between.added)
        return f"{new:,} new, {self.between.fixed:,} fixed, {len(self.between.remaining):,} remaining"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        ends = zip(("before", "after"), (self.before, self.after), self.noise, self.suspects, strict=True)
        audits = {name: {"audit": str(a.path), "noise_rate": rate, "suspects": n} for name, a, rate, n in ends}
        groups = {
            name: [asdict(sample) for sample in getattr(self.between, name)] for name in Between.__dataclass_fields__
        }
        return {"schema": 1, **audits, **groups}


def audits(source: Path | str | None = None) -> list[ListedAudit]:
    """Return the audits of a folder, or of a dataset, oldest first.

    Args:
        source: a folder that has `.labelaudit`, or a dataset whose audits are in the working directory or above; None =
            all of the working directory or the nearest one above it.
    """
    return sorted((_listed(audit) for audit in _found(source)), key=lambda each: (each.created, each.name))


def remove_audits(names: Sequence[str], source: Path | str | None = None, *, force: bool = False) -> list[ListedAudit]:
    """Remove audits for good and return what they were; all are looked at before one is removed.

    Args:
        names: of their folders, or a beginning that only one has.
        source: as in `audits`.
        force: also those that hold decisions of people, and those that still run.

    Raises:
        ConfigError: a name is not known or not clear, or an audit holds decisions or still runs.
        DataError: a file cannot be removed.
    """
    known = audits(source)
    chosen = {(found := _one_of(known, name)).name: found for name in names}
    for each in chosen.values() if not force else ():
        if each.decisions:
            raise ConfigError(
                f"{each.name} holds {count(each.decisions, 'decision')} of people.",
                hint="`labelaudit baseline` keeps them in a file; --force removes them.",
            )
        if each.status == "running":
            raise ConfigError(f"{each.name} is still running.", hint="--force removes it where its scan was killed.")
    for each in chosen.values():
        try:
            shutil.rmtree(own_path(each.path, folder=True))
        except OSError as error:
            raise DataError(f"{each.path} cannot be removed: {error.strerror}.") from error
    return list(chosen.values())


def compare(before: Audit | Path | str, after: Audit | Path | str | None = None) -> Compared:
    """Return what became of the suspects of one audit in another: new, fixed or remaining.

    Args:
        before: an audit, or where to find one.
        after: another one; None = the latest here or above.

    Raises:
        DataError: one of them is not there or has not finished.
        ConfigError: both are the same audit.
    """
    first, second = (_opened(each) for each in (before, after))
    if first.audit.path == second.audit.path:
        raise ConfigError(f"{first.audit.path.name} is both of the audits.", hint="Name two: labelaudit audits lists.")
    rates = [each.audit.meta["results"].get("noise_rate") for each in (first, second)]
    flagged = [int(each.columns.flagged.sum()) for each in (first, second)]
    return Compared(
        first.audit,
        second.audit,
        noise=(rates[0], rates[1]),
        suspects=(flagged[0], flagged[1]),
        between=between(first.columns, second.columns),
    )


def _opened(audit: Audit | Path | str | None) -> Any:
    settings = settings_in_force()
    if isinstance(audit, str):
        named = [each for each in _found(None) if each.path.name == audit]
        audit = named[0] if named else audit
    return open_audit(settings, audit if isinstance(audit, Audit) else find_audit(audit))


def _found(source: Path | str | None) -> list[Audit]:
    here = (Path.cwd(), *Path.cwd().parents)
    if source is None:
        homes = [folder for folder in here if (folder / HOME).is_dir()]
        return list_audits(homes[0]) if homes else []
    place = Path(source).expanduser()
    if place.name == HOME and place.is_dir():
        return list_audits(place.parent)
    if (place / HOME).is_dir():
        return list_audits(place)
    return [audit for folder in here for audit in reversed(list(audits_of(source, folder)))]


def _listed(audit: Audit) -> ListedAudit:
    try:
        meta = audit.meta
    except DataError:
        meta = {"status": "damaged"}
    dataset, results = meta.get("dataset") or {}, meta.get("results") or {}
    return ListedAudit(
        name=audit.path.name,
        path=audit.path,
        status=str(meta["status"]),
        source=str(meta.get("source") or ""),
        method=str(meta.get("method") or ""),
        created=str(meta.get("created") or ""),
        samples=dataset.get("samples"),
        noise=results.get("noise_rate"),
        decisions=_lines(audit.decisions_path),
        size=folder_size(audit.path),
    )


def folder_size(folder: Path) -> int:
    """Return the bytes of all files below a folder; what vanishes meanwhile counts 0."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def _lines(path: Path) -> int:
    try:
        return read_own(path).count(b"\n")
    except (DataError, OSError):
        return 0


def _one_of(known: Sequence[ListedAudit], name: str) -> ListedAudit:
    exact = [each for each in known if each.name == name]
    fits = exact or [each for each in known if name and each.name.startswith(name)]
    if len(fits) == 1:
        return fits[0]
    names = [each.name for each in known]
    if fits:
        raise ConfigError(f"{name!r} is the beginning of {len(fits):,} audits.", hint="Write more of the name.")
    raise ConfigError(f"there is no audit {name!r}.", hint=did_you_mean(name, names) or "labelaudit audits lists them.")


def verify(audit: Audit | Path | str | None = None) -> Verified:
    """Return what is wrong with a finished audit: checksums, shapes, and what its files say of each other.

    Args:
        audit: an audit, where to find one, or None for the latest one here or above.

    Raises:
        DataError: there is no finished audit.
    """
    return verify_audit(audit if isinstance(audit, Audit) else find_audit(audit))
