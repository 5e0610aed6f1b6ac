"""How this copy was installed, so that a hint names what can be copied into a terminal."""

from __future__ import annotations

import functools
import json
import shlex
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

_NAME = "labelaudit"


def pip_install(extra: str) -> str:
    """Return the command that installs an extra into this copy: from a clone, from where pip got it, or by name."""
    return f"pip install {shlex.quote(_requirement(extra, _origin(), Path.cwd()))}"


def _requirement(extra: str, origin: str, here: Path) -> str:
    """Return what pip is asked for.

    Args:
        extra: of pyproject.toml.
        origin: a folder, the URL of a repository or of an archive, or "" for an index.
        here: the working directory.
    """
    if not origin:
        return f"{_NAME}[{extra}]"
    if "://" in origin:
        return f"{_NAME}[{extra}] @ {origin}"
    return f".[{extra}]" if Path(origin) == here else f"{origin}[{extra}]"


@functools.cache
def _origin() -> str:
    """Return the folder that was installed or that this file lies in, the URL that pip installed, or ""."""
    root = Path(__file__).parents[2]
    if (root / "pyproject.toml").is_file():
        return str(root)
    try:
        told = metadata.distribution(_NAME).read_text("direct_url.json")
        facts = json.loads(told or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return ""
    return _place_of(facts) if isinstance(facts, dict) else ""


def _place_of(facts: dict[str, object]) -> str:
    """Return what direct_url.json names: https://packaging.python.org/en/latest/specifications/direct-url/ ."""
    url, vcs = str(facts.get("url") or ""), facts.get("vcs_info")
    if isinstance(vcs, dict):
        return f"{vcs.get('vcs', 'git')}+{url}"
    if url.startswith("file:"):
        folder = unquote(urlsplit(url).path)
        return folder if Path(folder).is_dir() else ""  # a wheel; the folder may be gone, too
    return url
