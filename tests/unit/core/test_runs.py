"""What audits, trainings and reproductions note of themselves."""

import json

import pytest

from labelaudit.core.errors import DataError
from labelaudit.core.runs import Account


@pytest.fixture
def account(tmp_path):
    account = Account(tmp_path / "run.json", "audit", 2, again="Run it again.")
    account.begin({"seed": 3})
    return account


def test_a_run_goes_from_running_through_interrupted_to_finished(account):
    assert (account.read()["schema"], account.read()["status"], account.read()["seed"]) == (2, "running", 3)
    account.stop("interrupted", "Ctrl-C")
    assert (account.read()["status"], account.read()["error"]) == ("interrupted", "Ctrl-C")
    account.finish(results={"rate": float("nan")})
    meta = account.read()
    assert (meta["status"], meta["error"], meta["results"]) == ("finished", None, {"rate": None})
    assert meta["finished"] is not None


def test_a_finished_run_is_never_changed(account):
    account.finish()
    before = account.path.read_bytes()
    for change in (lambda: account.update(seed=4), lambda: account.stop("failed", "late"), account.finish):
        with pytest.raises(ValueError, match=r"has finished and is never changed"):
            change()
    assert account.path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, r"run\.json cannot be read: No such file"),
        ('{"schema": 2, "sta', r"run\.json is damaged: "),
        ('["status"]', r"run\.json is damaged: it has no status\."),
        ('{"schema": 7, "status": "running"}', r"has audit schema 7; this labelaudit reads schema 2\."),
    ],
)
def test_what_cannot_be_read_is_said_with_its_path(account, text, problem):
    account.path.unlink() if text is None else account.path.write_text(text)
    with pytest.raises(DataError, match=problem):
        account.read()


def test_events_are_lines_beside_the_file(account):
    account.append_event({"kind": "said"})
    account.append_event({"kind": "done"})
    lines = account.path.with_name("events.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["said", "done"]
