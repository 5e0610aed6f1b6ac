"""Where the program begins: nothing large is imported before requests to stop are heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelaudit.cli.last_door import enter

if TYPE_CHECKING:
    from typer import Typer


def main() -> None:
    """Run the command line, and exit as it ends."""
    enter(_load)


def _load() -> Typer:
    from labelaudit.cli.app import app

    return app
