"""Whatever is printed passes one guard: plain texts, tables, errors, JSON."""

import io
import json

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from labelaudit.cli import console as own
from labelaudit.cli.guard import Guard
from tests.cli.terminal import write_audit

EVIL = "::error::x\x1b[31m##[error]y\u202e"


@pytest.fixture
def printed():
    """A terminal in colour, and what was printed there."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=60, highlight=False)
    console.push_render_hook(Guard())
    return console, file.getvalue


def test_texts_tables_and_styled_texts_are_guarded(printed):
    console, text = printed
    table = Table("a")
    table.add_row(EVIL)
    for thing in (EVIL, Text(EVIL), table, Text(EVIL, style="red")):
        console.print(thing, style="bold", markup=False)
    assert "\x1b[31m#" not in text()  # the colour of ours has another end
    assert "\u202e" not in text()
    assert "##[" not in text()
    assert not any(line.strip().startswith("::") for line in Console().render_str(text()).plain.splitlines())
    assert text().count(r"\x1b[31m") == 4


def test_errors_are_guarded(capsys):
    own.say_error(EVIL, EVIL)
    said = capsys.readouterr().err
    assert r"\x1b[31m# #[error]y\u202e" in said
    assert not {"\x1b", "\u202e"} & set(said)


def test_json_is_guarded_and_means_the_same(capsys):
    own.print_json({"name": EVIL})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": EVIL}
    assert not {"\x1b", "\u202e"} & set(out)
    assert "##[" not in out


@pytest.mark.parametrize("command", [["show"], ["check", "--max-suspects", "0"], ["check", "-q"], ["check", "--json"]])
def test_names_of_samples_reach_no_output_as_they_are(here, labelaudit, command):
    write_audit(here, ids=("cat/1.png", f"cat/{EVIL}.png", "\n::error::dog/3.png", "dog/4.png"))
    run = labelaudit(*command)
    said = run.stdout + run.stderr
    assert not {"\x1b", "\u202e"} & set(said)
    assert "##[" not in said
    assert not any(line.strip().startswith("::") for line in said.splitlines())
