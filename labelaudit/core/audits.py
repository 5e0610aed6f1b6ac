"""Audits on disk: one folder per scan, below `.labelaudit/audits/`; nothing in it is ever half written.

    .labelaudit/
    ├── latest          the name of the newest finished audit
    └── audits/<time>-<method>-<hex>/
        ├── audit.json        status, settings, versions, times, results
        ├── findings.parquet  one row per sample
        ├── evidence.npz      evidence, for a new policy without training
        ├── events.jsonl      what the scan said
        ├── decisions.jsonl   what people decided; only ever grows
        └── checkpoints/

pandas and numpy are imported where they are needed: listing audits must not cost a second.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from labelaudit.core.audit_shape import AUDIT_SHAPE, is_name
from labelaudit.core.errors import ConfigError, DataError, damaged
from labelaudit.core.files import HOME as HOME
from labelaudit.core.files import (
    append_lines,
    keep_out_of_git,
    make_folder,
    own_path,
    read_own,
    write_atomically,
    write_json,
    write_text,
)
from labelaudit.core.manifest import FILES, SEAL, manifest_of, seal_of
from labelaudit.core.notebook import short_html
from labelaudit.core.recipe import Recipe, from_dict, recipe_from_dict
from labelaudit.core.runs import Account
from labelaudit.core.shown import in_shell
from labelaudit.core.version import VERSION

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

T = TypeVar("T")
AUDIT_SCHEMA = 1
_AUDITS, _LATEST, _META = "audits", "latest", "audit.json"


class Audit:
    """The folder of one scan and its results; opening it reads nothing.

    Every path of a file in it comes from `file`, which raises DataError where a link leads elsewhere.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        self._account = Account(
            self.path / _META, "audit", AUDIT_SCHEMA, again="Scan the data again.", shape=AUDIT_SHAPE
        )
        self._findings: pd.DataFrame | None = None
        self._results: Mapping[str, Any] | None = None  # that stand for those of audit.json, with people's answers
        self._judged: Callable[[pd.DataFrame], pd.DataFrame] | None = None  # the findings with people's answers

    @classmethod
    def create(cls, root: Path | str = ".", *, method: str, facts: Mapping[str, Any]) -> Audit:
        """Return a new audit in the folder `root`, with the status "running".

        Args:
            root: gets a folder `.labelaudit` if it has none.
            method: name of the detector; part of the folder's name.
            facts: what audit.json says besides status and times: recipe, source, dataset, fingerprint, device, seed,
                versions. Paths and numpy numbers become plain; numbers that are not finite become null.

        Raises:
            DataError: the folder cannot be written to.
        """
        if not is_name(method):
            raise DataError(f"{method!r} cannot be the method of an audit: its folder is named by it.")
        created = datetime.now(UTC)
        name = f"{created:%Y%m%d-%H%M%S}-{method}-{secrets.token_hex(3)}"
        audit = cls(Path(root) / HOME / _AUDITS / name)
        folder = audit.checkpoints_path
        try:
            make_folder(folder)
            keep_out_of_git(audit.home)
        except OSError as error:
            raise DataError(f"cannot write to {root}: {error.strerror}.", hint="Choose another folder.") from error
        opening = {"schema": AUDIT_SCHEMA, "name": name, "status": "running", "method": method}
        times = {"created": created.isoformat(), "finished": None, "labelaudit": VERSION}
        write_json(audit.file(_META), {**opening, **times, **facts, "results": {}, "error": None})
        return audit

    def file(self, name: str) -> Path:
        """Return the path of a file of the audit, there or not.

        Raises:
            DataError: it, or a folder on the way from the one that holds `.labelaudit`, is a link or no file.
        """
        return own_path(self.path / name)

    def folder(self, name: str) -> Path:
        """Return the path of a folder of the audit; as `file`."""
        return own_path(self.path / name, folder=True)

    @property
    def findings_path(self) -> Path:
        """One row per sample."""
        return self.file("findings.parquet")

    @property
    def decisions_path(self) -> Path:
        """What people decided."""
        return self.file("decisions.jsonl")

    @property
    def checkpoints_path(self) -> Path:
        """The folder from where an interrupted scan goes on."""
        return self.folder("checkpoints")

    @property
    def evidence_path(self) -> Path:
        """The evidence, for judging again; audits of version 0.1 call it verdicts.npz."""
        old = self.file("verdicts.npz")
        return old if old.exists() else self.file("evidence.npz")

    @property
    def home(self) -> Path:
        """The `.labelaudit` folder that the audit is in."""
        return self.path.parent.parent

    @property
    def meta(self) -> dict[str, Any]:
        """What audit.json says now; raises DataError for a missing or damaged one or another schema version."""
        # Not kept: another program may be writing it.
        meta = self._account.read()
        return meta if self._results is None else meta | {"results": dict(self._results)}

    def fact(self, *keys: str) -> Any:
        """Return what audit.json says under keys within each other; raises DataError where it does not say it."""
        value: Any = self.meta
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
            if value is None:
                raise damaged(self.path / _META, f"it has no {'.'.join(keys)}")
        return value

    @property
    def recipe(self) -> Recipe:
        """The settings of the scan; raises DataError where audit.json has none, or none that can be used."""
        try:
            return recipe_from_dict(self.fact("recipe"))
        except (ConfigError, TypeError) as error:
            problem = error.problem if isinstance(error, ConfigError) else str(error)
            raise damaged(self.path / _META, f"recipe: {problem}") from error

    def section(self, kind: type[T], name: str) -> T:
        """Return a section of the recipe, the defaults where audit.json has none; raises DataError as `recipe` does."""
        try:
            return from_dict(kind, (self.meta.get("recipe") or {}).get(name) or {}, prefix=f"{name}.")
        except (ConfigError, TypeError) as error:
            problem = error.problem if isinstance(error, ConfigError) else str(error)
            raise damaged(self.path / _META, f"recipe.{problem}") from error

    def require_labels(self, labels: Iterable[str | None]) -> None:
        """Raise DataError where findings have a label that audit.json does not name among the classes."""
        classes = (self.meta.get("dataset") or {}).get("classes")
        strange = [] if classes is None else sorted({label for label in labels if label is not None} - {*classes})
        if strange:
            raise damaged(self.findings_path, f"label {strange[0]!r} is no class of audit.json")

    @property
    def status(self) -> str:
        """Whether the scan is running, finished, failed or interrupted."""
        return str(self.meta["status"])

    @property
    def findings(self) -> pd.DataFrame:
        """One row per sample, read once; raises DataError unless the audit has finished."""
        from labelaudit.core.findings import read_findings  # pandas

        if self._findings is None:
            self.require_finished()
            stored = read_findings(self.findings_path)
            self._findings = stored if self._judged is None else self._judged(stored)
        return self._findings

    @property
    def suspects(self) -> pd.DataFrame:
        """The findings whose action is not keep, most suspicious first."""
        from labelaudit.core.findings import suspects  # pandas

        return suspects(self.findings)

    @property
    def decisions(self) -> pd.DataFrame:
        """What people decided on its samples, one row each, in the order of the findings; not those of a baseline."""
        from labelaudit.core.decisions import decisions_frame, read_decisions  # pandas

        return decisions_frame(self.findings, read_decisions(self).known)

    @property
    def summary(self) -> dict[str, Any]:
        """The results in short, ready for JSON: noise rate, counts, worst samples."""
        from labelaudit.core.summary import summarise  # pandas

        return summarise(self.meta | {"path": str(self.path), "name": self.path.name}, self.findings)

    def as_judged(self, results: Mapping[str, Any], judged: Callable[[pd.DataFrame], pd.DataFrame]) -> Audit:
        """Return the same audit with other results and findings, such as people's answers leave; nothing is written.

        Args:
            results: stand for those of audit.json.
            judged: makes the findings of those on disk, when they are read.
        """
        audit = Audit(self.path)
        audit._results, audit._judged = results, judged
        return audit

    def require_finished(self) -> Audit:
        """Return this audit, or raise DataError with its status and how to go on."""
        meta = self.meta
        if meta["status"] != "finished":
            reason = f" ({meta['error']})" if meta.get("error") else ""
            source = in_shell(meta.get("source") or "DATA")
            hint = _NEXT_STEP.get(meta["status"], _NEXT_STEP["failed"]).format(source=source)
            raise DataError(f"{self.path} is not finished: its status is {meta['status']}{reason}.", hint=hint)
        return self

    def update(self, **facts: Any) -> None:
        """Change what audit.json says; raises ValueError once the audit has finished."""
        self._account.update(**facts)

    def finish(self, results: Mapping[str, Any]) -> None:
        """Close the audit for good and make it the latest; raises ValueError if its findings are not written."""
        self._account.read_unfinished()
        if not self.findings_path.exists():
            raise ValueError(f"{self.path.name} cannot finish without {self.findings_path.name}")
        self._account.finish(seal=(SEAL, seal_of), results=dict(results), **{FILES: manifest_of(self.path)})
        write_text(own_path(self.home / _LATEST), self.path.name + "\n")

    def fail(self, text: str) -> None:
        """Note that the scan ended with an error."""
        self._account.stop("failed", text)

    def interrupt(self, text: str) -> None:
        """Note that the scan was stopped and can go on from its checkpoint."""
        self._account.stop("interrupted", text)

    def append_event(self, record: Mapping[str, Any]) -> None:
        """Add one line to events.jsonl."""
        self._account.read_unfinished()
        self._account.append_event(record)

    def append_decision(self, record: Mapping[str, Any]) -> None:
        """Add one line to decisions.jsonl; the only change that a finished audit allows."""
        self.append_decisions([record])

    def append_decisions(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add lines to decisions.jsonl, all at once; the only change that a finished audit allows."""
        append_lines(self.decisions_path, records)

    def write_arrays(self, name: str, /, **arrays: NDArray[Any]) -> Path:
        """Write `<name>.npz` without pickle and return its path; raises ValueError for arrays of objects."""
        import numpy as np

        self._account.read_unfinished()
        for key, array in arrays.items():
            if np.asarray(array).dtype.hasobject:
                raise ValueError(f"array {key!r} holds Python objects, which need pickle")
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # its stub mixes the arrays up with allow_pickle
        path = self.file(f"{name}.npz")
        write_atomically(path, lambda part: part.write_bytes(buffer.getbuffer()))
        return path

    def __repr__(self) -> str:
        try:
            state = self.status
            if state == "finished":
                state += f", {len(self.suspects):,} suspects of {len(self.findings):,}"
        except DataError as error:
            state = error.problem
        return f"<Audit {self.path}: {state}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows of the audit."""
        try:
            summary = self.summary
        except DataError:  # not finished, or damaged: the one line says so
            return f"<code>{escape(repr(self))}</code>"
        return short_html(summary)


def find_audit(path: Path | str | None = None) -> Audit:
    """Return a finished audit; where there are several, the one that finished last.

    Args:
        path: an audit's folder; its name, or a dataset, for its newest audit, in the working directory or above; a
            `.labelaudit` folder, or a folder that holds one. None = the working directory or the nearest one above it.

    Raises:
        DataError: there is none, it has not finished, its audit.json is damaged or of another schema version.
    """
    here = Path.cwd()
    start = here if path is None else Path(path).expanduser()
    if (start / _META).exists():
        return Audit(start).require_finished()
    above = (here, *here.parents)
    if path is not None and start == Path(start.name):
        named = next((at for folder in above if (at := folder / HOME / _AUDITS / start).joinpath(_META).exists()), None)
        if named is not None:
            return Audit(named).require_finished()
    of_data = [] if path is None or start.name == HOME else [a for folder in above for a in audits_of(path, folder)]
    found = next((audit for audit in of_data if audit.status == "finished"), None)
    for folder in above if path is None else (start,):
        home = folder if (folder / _AUDITS).is_dir() and folder.name == HOME else folder / HOME
        found = found or _latest(home)
    found = found or next(iter(of_data), None)  # one that has not finished says more than that there is none
    if found is not None:
        return found.require_finished()
    place = f"in {start} or above" if path is None else f"of {path} in {here} or above, nor any in {start}"
    data = "DATA" if path is None else in_shell(path)
    raise DataError(f"no audit {place}.", hint=f"Run `labelaudit scan {data}` first.")


def audits_of(source: Path | str, root: Path | str) -> Iterator[Audit]:
    """Yield the audits of a dataset below a folder, newest first, whatever their status; damaged ones are passed over.

    Args:
        source: the dataset, as it is named from the working directory.
        root: the folder that has `.labelaudit`.
    """
    wanted = resolve_source(source)
    for audit in reversed(list_audits(root)):
        try:
            named = str(audit.meta.get("source", ""))
            is_of_it = resolve_source(_seen_from(audit.home.parent, named)) == wanted
        except (DataError, OSError, RuntimeError, ValueError):  # damaged, of another version, or no path of this system
            continue
        if is_of_it:
            yield audit


def newest_audit(source: Path | str, root: Path | str) -> Audit | None:
    """Return the newest finished audit of a dataset below a folder, None where there is none."""
    return next((audit for audit in audits_of(source, root) if audit.status == "finished"), None)


def resolve_source(source: Path | str) -> str:
    """Return one spelling of what the user named as data, so that two of them can be compared."""
    if _URL.match(str(source)):
        return str(source).rstrip("/")
    return str(Path(source).expanduser().resolve())


def list_audits(root: Path | str = ".") -> list[Audit]:
    """Return the audits of a folder that holds a `.labelaudit`, oldest first, whatever their status."""
    return [Audit(file.parent) for file in sorted(Path(root).glob(f"{HOME}/{_AUDITS}/*/{_META}"))]


_NEXT_STEP = {
    "running": "Wait until it ends; if it was stopped, `labelaudit scan {source} --resume` goes on with it.",
    "interrupted": "Go on with `labelaudit scan {source} --resume`.",
    "failed": "Scan again with `labelaudit scan {source}`.",
}


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")  # two letters at least: C:// is a drive


def _seen_from(root: Path, source: str) -> Path | str:
    """Return a source as it was named when it was scanned: beside the audits, else from here, else above them."""
    if not source or _URL.match(source):
        return source
    places = (folder / Path(source).expanduser() for folder in (root, Path(), *root.parents))
    return next((place for place in places if place.exists()), source)


def _latest(home: Path) -> Audit | None:
    """Return the audit that `latest` names, else the newest finished one, else the newest."""
    try:
        name = read_own(home / _LATEST, most=1000).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError, DataError):
        name = ""
    if is_name(name) and (home / _AUDITS / name / _META).exists():
        return Audit(home / _AUDITS / name)
    audits = list_audits(home.parent)
    finished = [audit for audit in audits if _is_finished(audit)]
    return next(reversed(finished or audits), None)


def _is_finished(audit: Audit) -> bool:
    try:
        return audit.status == "finished"
    except DataError:  # damaged, or of another version
        return False
