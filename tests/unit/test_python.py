"""Everything is Python, too: each command is one function of the package, and documented as one."""

from pathlib import Path

import pytest

import labelaudit
from labelaudit.cli.app import app
from tests.cli.terminal import write_audit

PAGE = Path(__file__).parents[2] / "docs/how-to/python.md"
OTHER_NAMES = {
    "methods": "list_methods",
    "review": "open_review",
    "report": "write_report",
}  # packages
CALLBACKS = [each.callback for each in app.registered_commands if each.callback is not None]
FUNCTIONS = [OTHER_NAMES.get(each.__name__, each.__name__) for each in CALLBACKS]


@pytest.mark.parametrize("name", [*FUNCTIONS, "update", "load"])
def test_every_command_is_a_documented_function(name):
    assert name in labelaudit.__all__
    assert callable(getattr(labelaudit, name))
    assert f"labelaudit.{name}(" in PAGE.read_text()


def test_the_summary_of_an_audit_is_what_show_prints(tmp_path):
    audit = write_audit(tmp_path)
    assert labelaudit.show(tmp_path) == audit.summary
