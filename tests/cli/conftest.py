"""Golden text: what the terminal shows, kept in `golden/`; `pytest tests/cli --update-golden` writes it anew."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labelaudit.cli.app import app
from tests.cli.terminal import PLAIN, Run

GOLDEN = Path(__file__).parent / "golden"
_RICH = 15  # draws tables as they are in golden texts; older ones leave more blanks between columns


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/cli/golden anew instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the file of that name."""
    update = request.config.getoption("--update-golden", default=False)

    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if update:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8")
        if int(version("rich").partition(".")[0]) < _RICH:
            text, expected = _squeezed(text), _squeezed(expected)
        assert text == expected, f"see {path}; --update-golden accepts the new text"

    return compare


def _squeezed(text: str) -> str:
    return re.sub(r"─+", "─", re.sub(r" +", " ", text))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory and a plain terminal; the handler of SIGTERM is put back afterwards."""
    for name, value in PLAIN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def labelaudit(here: Path) -> Callable[..., Run]:
    """Run the command line in this process: it saves the seconds of importing torch."""

    def run(*args: str) -> Run:
        result = CliRunner().invoke(app, list(args))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Run(result.exit_code, result.stdout, result.stderr)

    return run
