"""Write the page, and nothing that somebody else wrote away."""

from __future__ import annotations

from pathlib import Path

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.files import write_text

MARK = '<meta name="generator" content="labelaudit report">'  # in the first lines of every page of ours
_FIRST = 1024  # bytes


def require_ours(path: Path) -> None:
    """Raise ConfigError where a file stands that no report of ours wrote, and DataError where it cannot be read."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder.", hint=f"Name a file: --output {path / 'report.html'}")
    try:
        with path.open("rb") as file:
            is_ours = MARK.encode() in file.read(_FIRST)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", hint="Name another --output.") from error
    if not is_ours:
        raise ConfigError(f"{path} is no report of labelaudit.", hint="Name another --output, or say --overwrite.")


def write_page(path: Path, page: str, *, overwrite: bool) -> None:
    """Write a page, whole or not at all; folders are made.

    Raises:
        ConfigError: a file stands there that is no report of ours, and it was not said that it may go.
        DataError: it cannot be written.
    """
    if not overwrite:
        require_ours(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, page)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.", hint="Choose another --output.") from error
