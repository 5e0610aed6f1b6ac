"""What to train on: an audit's data, or a dataset and the newest audit of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from labelaudit.core.audits import HOME, Audit, find_audit, newest_audit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.gate.compare import data_settings, find_data


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A dataset, how to read it, and what is known of its labels."""

    source: str
    settings: DataSettings
    audit: Audit | None
    root: Path  # folder that has .labelaudit, or may get one


def find_training_data(named: Path | str | None, root: Path | str, asked: DataSettings) -> TrainingData:
    """Return the data to train on.

    Args:
        named: an audit's folder, a `.labelaudit` folder, or a dataset; None = the latest audit here or above.
        root: where to look for an audit of a dataset.
        asked: how to read it; what differs from the defaults wins over the audit.

    Raises:
        DataError: there is no finished audit, or its data is not there any more, or it was made of probabilities.
    """
    if named is None or is_audit(named):
        audit = find_audit(named)
        return _of_audit(audit, asked, root=audit.home.parent)
    found = newest_audit(named, root)
    if found is None:
        return TrainingData(str(named), asked, None, Path(root))
    stored = _settings(found, Path(str(named)), asked)
    return TrainingData(str(named), stored, found, Path(root))


def is_audit(named: Path | str) -> bool:
    """Whether a path names an audit, or the folder that has audits, rather than a dataset."""
    path = Path(named).expanduser()
    return (path / "audit.json").exists() or path.name == HOME


def _of_audit(audit: Audit, asked: DataSettings, *, root: Path) -> TrainingData:
    source = str(audit.meta.get("source", ""))
    if "://" in source:
        return TrainingData(source, _settings(audit, Path(source), asked), audit, root)
    found = find_data(audit, None)
    if isinstance(found, str):
        place = f"{source or 'its data'} is not there, or a table outside of {root}"
        raise DataError(f"{audit.path.name}: {place}.", hint="Name the data instead.")
    return TrainingData(str(found), _settings(audit, found, asked), audit, root)


def _settings(audit: Audit, source: Path, asked: DataSettings) -> DataSettings:
    stored = data_settings(audit, source)
    if stored.probs is not None:
        raise ConfigError(
            f"{audit.path.name} judged probabilities; there is nothing in it to train on.",
            hint="Scan the images or columns themselves, or train on the table with another --root.",
        )
    defaults = DataSettings()
    names = [field.name for field in dataclasses.fields(DataSettings)]
    changed = {name: getattr(asked, name) for name in names if getattr(asked, name) != getattr(defaults, name)}
    return dataclasses.replace(stored, **changed)
