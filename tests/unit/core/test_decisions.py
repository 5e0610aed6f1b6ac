import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from labelaudit.core.decisions import Known, read_decisions, record_decision
from labelaudit.core.errors import DataError
from labelaudit.core.runs import now
from tests.gate_audit import Row, write_rows


@pytest.fixture
def audit(tmp_path):
    return write_rows(tmp_path, [Row("cat/1.png", "cat"), Row("dog/2.png", "dog")])


FIRST = Known("aa", "cat", "ok", who="Ada", when="2026-11-21T10:00:00+00:00", why="clear", path="cat/1.png")


def test_no_file_no_decisions(audit):
    assert dict(read_decisions(audit).known) == {}


def test_the_last_decision_on_a_sample_counts_and_nothing_is_overwritten(audit):
    last = Known("aa", "cat", "wrong", label="dog")
    record_decision(audit, FIRST, sample_id="cat/1.png")
    record_decision(audit, last, sample_id="cat/1.png")
    assert dict(read_decisions(audit).known) == {("aa", "cat"): last}
    lines = [json.loads(line) for line in audit.decisions_path.read_text().splitlines()]
    assert [(line["schema"], line["verdict"], line["sample_id"]) for line in lines] == [
        (1, "ok", "cat/1.png"),
        (1, "wrong", "cat/1.png"),
    ]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux to name what was synced")
def test_a_decision_is_on_disk_before_it_is_told(audit, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").readlink()))
    record_decision(audit, FIRST, sample_id="cat/1.png")
    assert synced == [audit.decisions_path, audit.path]  # the file, and the folder that names it


def test_a_line_that_a_crash_cut_off_is_left_out_and_told(audit):
    record_decision(audit, FIRST, sample_id="cat/1.png")
    with audit.decisions_path.open("a") as file:
        file.write('{"schema": 1, "verd')
    found = read_decisions(audit)
    assert (list(found.known), found.damaged_lines) == ([("aa", "cat")], (2,))


@pytest.mark.parametrize("line", ['{"schema": 2, "verdict": "ok"}', '{"schema": 1, "verdict": "fine"}'])
def test_lines_of_another_version_are_an_error(line, audit):
    audit.decisions_path.write_text(line + "\n")
    with pytest.raises(DataError, match=r"decisions.jsonl:1: schema \d, verdict '\w+'; this labelaudit reads schema 1"):
        read_decisions(audit)


def test_the_time_is_utc_to_the_second():
    assert now().endswith("+00:00")
    assert len(now()) == len("2026-11-21T10:00:00+00:00")


def test_a_decision_that_was_taken_back_stands_no_more_and_that_of_others_does(audit):
    ben = Known("aa", "cat", "wrong", label="dog", who="Ben", when="2026-11-21T10:01:00+00:00")
    back = Known("aa", "cat", "open", who="Ben", when="2026-11-21T10:02:00+00:00", kind="withdrawn")
    for known in (FIRST, ben, back):
        record_decision(audit, known, sample_id="cat/1.png")
    assert dict(read_decisions(audit).known) == {("aa", "cat"): FIRST}
    record_decision(audit, replace(back, who="Ada"), sample_id="cat/1.png")
    found = read_decisions(audit)
    assert (dict(found.known), dict(found.withdrawn)) == ({}, {("aa", "cat"): back.when})
    record_decision(audit, replace(ben, kind="drop", label=""), sample_id="cat/1.png")
    found = read_decisions(audit)
    assert ([known.kind for known in found.known.values()], dict(found.withdrawn)) == (["drop"], {})


def test_a_kind_that_says_nothing_is_not_written(audit):
    record_decision(audit, FIRST, sample_id="cat/1.png")
    assert "kind" not in json.loads(audit.decisions_path.read_text())
