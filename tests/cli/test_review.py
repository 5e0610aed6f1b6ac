"""`labelaudit review` as a command: its address, its end, its mistakes."""

import re
import signal

import pytest

from labelaudit.core.decisions import Known, record_decision
from tests.cli.terminal import interrupt_program
from tests.review_desk import write_audit


def test_without_an_audit_it_says_how_to_get_one(labelaudit):
    done = labelaudit("review", "--no-browser")
    assert done.exit_code == 3
    assert "Run `labelaudit scan DATA` first" in done.stderr


def test_a_port_that_is_none_is_refused(labelaudit):
    done = labelaudit("review", "--port", "65536")
    assert done.exit_code == 2
    assert "65535" in " ".join(done.stderr.split())


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_and_at_the_end_what_was_decided(tmp_path, by):
    audit = write_audit(tmp_path)

    def decided():
        if "Ctrl-C ends it" not in (tmp_path / "interrupted.stdout").read_text():
            return False
        known = Known("aa", "cat", "ok", who="Ben", when="2026-11-21T10:00:00+00:00")
        record_decision(audit, known, sample_id="cat/1.png")
        return True

    arguments = ("review", "--no-browser", "--port", "0")
    done = interrupt_program(*arguments, cwd=tmp_path, after=decided, by=by)
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", lines[0])
    assert re.fullmatch(r"From another machine: `ssh -L (\d+):127\.0\.0\.1:\1 HERE`, .*", lines[1])
    assert "1 sample decided, in " in done.stdout
    assert done.stderr == ""
