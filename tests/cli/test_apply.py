"""`labelaudit apply` on the command line: the difference first, then the data, then the way back."""

from __future__ import annotations

import json

import pytest

import labelaudit
from tests.mended import audited, decide


@pytest.fixture
def table(here):
    """A table of 12 rows, three of them suspects."""
    rows = "".join(f"{i},{'cat' if i % 2 else 'dog'}\n" for i in range(12))
    (here / "t.csv").write_text("x,label\n" + rows)
    audit, _ = audited(here, "t.csv", wrong={"1": "dog", "3": "dog", "5": "dog"})
    return audit


def test_the_difference_is_told_and_nothing_written_in_a_dry_run(labelaudit, table, here, golden):
    decide(table, "1", "dog")
    decide(table, "2")
    run = labelaudit("apply", "--dry-run")
    assert run.exit_code == 0
    golden("apply-dry-run", run.stdout)
    assert not (here / "t.corrected.csv").exists()


def test_a_script_must_say_yes_and_can_undo(labelaudit, table, here):
    decide(table, "1", "dog")
    run = labelaudit("apply")
    assert run.exit_code == 2
    assert "nobody is here to ask" in run.stderr
    assert "--yes" in run.stderr
    run = labelaudit("apply", "--yes")
    assert run.exit_code == 0
    assert "wrote t.corrected.csv" in run.stdout
    assert (here / "t.corrected.csv").read_text().splitlines()[2] == "1,dog"
    run = labelaudit("apply", "--undo", "t.corrected.csv")
    assert (run.exit_code, run.stdout) == (0, "removed 1 file: t.corrected.csv\n")
    assert sorted(path.name for path in here.iterdir()) == [".labelaudit", "t.csv"]


def test_what_was_written_is_told_to_programs(labelaudit, table):
    decide(table, "1", "dog")
    run = labelaudit("apply", "--json", "--yes", "--confident")
    told = json.loads(run.stdout)
    assert (told["relabelled"], told["left_out"], told["written"]) == (3, 0, True)
    assert told["pairs"] == [{"before": "cat", "after": "dog", "count": 3}]
    assert [(each["sample_id"], each["by"]) for each in told["changes"]] == [
        ("1", "decision"),
        ("3", "suggestion"),
        ("5", "suggestion"),
    ]


def test_without_decisions_there_is_nothing_to_change(labelaudit, table, here):
    run = labelaudit("apply", "--yes")
    assert run.exit_code == 0
    assert "nothing to change: decide first" in run.stdout
    assert not (here / "t.corrected.csv").exists()


def test_python_has_the_same(table, here):
    decide(table, "1", "dog")
    assert labelaudit.apply(output=here / "new.csv").to_dict()["written"] is True
