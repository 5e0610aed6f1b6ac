import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
import urllib.request
from http.cookiejar import CookieJar

import pytest

from labelaudit.api.baseline import baseline
from labelaudit.api.mark import mark
from labelaudit.api.review import open_review
from labelaudit.core.decisions import Known, record_decision
from labelaudit.core.errors import ConfigError
from labelaudit.gate.baseline import read_baseline
from labelaudit.gate.opened import open_audit, settings_in_force
from tests.review_desk import write_audit


@pytest.fixture
def audit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_audit(tmp_path)


def reviewed(audit, act):
    """Open the page, do something with its address as a browser would, and end it as Ctrl-C does."""

    def use(address):
        threading.Thread(target=run, args=(address,), daemon=True).start()

    def run(address):
        try:
            act(address)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    return open_review(audit, port=0, reviewer="Ann", on_ready=use)


def test_the_page_answers_on_this_machine_and_ends_with_what_was_decided(audit, tmp_path):
    baseline(audit)

    def decide(address):
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        assert b"labelaudit" in opener.open(address).read()
        home = address.partition("/?")[0]
        body = json.dumps({"tab": "t", "choice": "accept", "samples": [{"row": 0, "version": 0}]}).encode()
        headers = {"content-type": "application/json", "origin": home}
        assert opener.open(urllib.request.Request(f"{home}/api/decide", body, headers)).status == 200

    done = reviewed(audit, decide)
    assert done.decided == 1
    assert (done.progress["answers"], done.progress["wrong"]) == (1, 1)
    entries = read_baseline(tmp_path / "labelaudit-baseline.tsv").values()
    (entry,) = [entry for entry in entries if entry.decision != "open"]
    assert (entry.path, entry.decision, entry.label, entry.who) == ("cat/1.png", "wrong", "dog", "Ann")


def test_it_answers_where_an_event_loop_runs_already_as_in_a_notebook(audit):
    answers = []

    async def cell():
        return reviewed(audit, lambda address: answers.append(urllib.request.urlopen(address).status))

    loop = asyncio.new_event_loop()  # as a notebook runs it: Ctrl-C interrupts, where `asyncio.run` would cancel
    with contextlib.closing(loop):
        assert loop.run_until_complete(cell()).decided == 0
    assert answers == [200]


def test_a_port_that_is_taken_is_named(audit):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be used: Address already in use"):
            open_review(audit, port=port)


def test_what_was_taken_back_is_undecided_in_the_baseline_too(audit, tmp_path):
    baseline(audit)
    marked = mark(["cat/1.png"], verdict="ok", why="a cat", who="Ann", audit=audit).decisions[0]
    path = tmp_path / "labelaudit-baseline.tsv"
    assert read_baseline(path)[marked.key].decision == "ok"
    back = Known(*marked.key, "open", who="Ann", when=marked.when, kind="withdrawn")
    record_decision(audit, back, sample_id="cat/1.png")
    assert open_audit(settings_in_force(), audit).known[marked.key].decision == "open"
    baseline(audit)
    assert read_baseline(path)[marked.key].decision == "open"
