"""What the shell completes: the words of closed sets, and the names of what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Complete = Callable[[str], list[str]]


def one_of(*words: str) -> Complete:
    """Return the completion of a closed set of words."""
    return lambda incomplete: beginning(words, incomplete)


def beginning(words: Iterable[str], incomplete: str) -> list[str]:
    """Return the words that begin so."""
    return [word for word in words if word.startswith(incomplete)]


def audit_names(incomplete: str) -> list[str]:
    """Return the audits of the working directory or the nearest one above it, the newest first."""
    from labelaudit.api.audits import audits

    return beginning([each.name for each in reversed(audits())], incomplete)


def method_names(incomplete: str) -> list[str]:
    """Return the methods."""
    from labelaudit.methods.registry import METHODS

    return beginning(METHODS, incomplete)


def encoder_names(incomplete: str) -> list[str]:
    """Return the encoders, and the beginnings of those that are named by a model."""
    from labelaudit.encoders.registry import ENCODERS, FAMILIES

    return beginning([*ENCODERS, *(f"{name}:" for name in FAMILIES)], incomplete)


def profile_names(incomplete: str) -> list[str]:
    """Return the profiles of the nearest settings file here or above."""
    import tomllib
    from pathlib import Path

    from labelaudit.gate.settings import find_settings_file

    try:
        file = find_settings_file(Path.cwd())
        values = {} if file is None else tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):  # nothing to say in the middle of a line
        return []
    table = values.get("tool", {}).get("labelaudit", values)
    return beginning(table.get("profiles", {}), incomplete)


def class_names(incomplete: str) -> list[str]:
    """Return the classes of the latest audit."""
    from labelaudit.core.audits import find_audit
    from labelaudit.core.errors import LabelAuditError

    try:
        known = (find_audit().meta.get("dataset") or {}).get("classes") or ()
    except LabelAuditError:
        return []
    return beginning(known, incomplete)
