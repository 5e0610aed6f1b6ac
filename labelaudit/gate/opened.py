"""What `check`, `baseline` and `mark` share: the settings in force, the audit, and what is known about its samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from labelaudit.core.arrays import IntN
from labelaudit.core.arrow import numbers_of, positions_array, text_array
from labelaudit.core.audits import Audit, find_audit
from labelaudit.core.decisions import Decisions, Key, Known, read_decisions
from labelaudit.core.errors import ConfigError
from labelaudit.core.files import own_path
from labelaudit.gate.answered import as_answered
from labelaudit.gate.baseline import Here, read_baseline, without_withdrawn
from labelaudit.gate.columns import FindingColumns, read_columns
from labelaudit.gate.settings import COMMAND_LINE, OWN_FILE, Settings, find_settings_file, load_settings


@dataclass(frozen=True, slots=True)
class Opened:
    """An audit, opened under the settings in force."""

    settings: Settings
    audit: Audit
    columns: FindingColumns
    baseline_path: Path
    baseline: Mapping[Key, Known] | None  # None where there is no file
    decisions: Decisions

    @property
    def known(self) -> dict[Key, Known]:
        """The baseline with the decisions of the audit on top, the later one where both say something."""
        known = without_withdrawn(self.baseline or {}, self.decisions.withdrawn)
        for key, decision in self.decisions.known.items():
            before = known.get(key)
            if before is None or before.decision == "open" or decision.when >= before.when:
                known[key] = decision
        return known


def settings_in_force(
    config: Path | str | None = None, *, profile: str | None = None, overrides: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of a file, or of the nearest one here or above, under those of the command line.

    Raises:
        ConfigError: the file that was named does not exist, or settings cannot be used.
    """
    if config is None:
        return load_settings(find_settings_file(Path.cwd()), profile=profile, overrides=overrides)
    file = Path(config).expanduser()
    if file.suffix != ".toml":
        raise ConfigError(f"settings file {config} is not a .toml file.", hint=f"Call it {OWN_FILE}.")
    return load_settings(file.absolute(), profile=profile, overrides=overrides)


def open_audit(
    settings: Settings, audit: Audit | Path | str | None = None, *, baseline: Path | str | None = None
) -> Opened:
    """Return the audit that is named, or that the settings name, and what is known about its samples.

    Raises:
        ConfigError: a baseline is named and does not exist.
        DataError: there is no finished audit, or a file of it or the baseline is damaged.
    """
    named = audit if audit is not None else place(settings, settings.places.audit)
    found = named.require_finished() if isinstance(named, Audit) else find_audit(named)
    path = Path(baseline).expanduser() if baseline is not None else place_of_baseline(settings)
    if baseline is not None and not path.exists():
        raise ConfigError(f"baseline {baseline} does not exist.", hint="labelaudit baseline writes one.")
    found = Audit(found.path)  # as it was finished, whoever judged it since
    opened = Opened(
        settings=settings,
        audit=found,
        columns=read_columns(found.findings_path),
        baseline_path=path,
        baseline=read_baseline(path) if path.exists() else None,
        decisions=read_decisions(found),
    )
    found.require_labels([*opened.columns.given.names, *opened.columns.suggested.names])
    now = as_answered(found, opened.columns, opened.known, opened.decisions)
    return opened if now is None else replace(opened, audit=now.audit, columns=now.columns)


def place(settings: Settings, value: str | None) -> Path | None:
    """Return a path of the settings: relative to their file where there is one."""
    if value is None:
        return None
    path = Path(value).expanduser()
    return path if settings.file is None else settings.file.parent / path


def place_of_baseline(settings: Settings) -> Path:
    """Return where the settings, or their defaults, have the baseline.

    Raises:
        DataError: it is a link, or behind one: what is written there must stay where the settings are.
    """
    path = place(settings, settings.places.baseline)
    assert path is not None
    if settings.origins.get("baseline") == COMMAND_LINE:
        return path
    return own_path(path, root=Path.cwd() if settings.file is None else settings.file.parent)


def what_is_here(opened: Opened) -> Here:
    """Return the suspects of an audit as entries that nobody decided on, and which known samples it holds."""
    columns = opened.columns
    worst_last = columns.worst_first(columns.flagged)[::-1]  # of equal samples, the path of the worst
    keys = keys_of(columns, worst_last)
    paths = columns.paths.take(positions_array(worst_last)).to_pylist()
    suspects = {key: Known(*key, "open", path=path) for key, path in zip(keys, paths, strict=True)}
    known = [*(opened.baseline or {}), *opened.decisions.known]
    rows = pc.indices_nonzero(pc.is_in(columns.content_hashes, value_set=text_array({key[0] for key in known})))
    return Here(suspects, set(keys_of(columns, numbers_of(rows, 0).astype(np.int64))))


def keys_of(columns: FindingColumns, rows: IntN) -> list[Key]:
    """Return the keys of some samples and their labels."""
    hashes = columns.content_hashes.take(positions_array(rows)).to_pylist()
    labels = [columns.given.text(row) or "" for row in rows.tolist()]
    return list(zip(hashes, labels, strict=True))
