"""`labelaudit verify`: what was changed after an audit was finished is found, and old audits open without checksums."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from labelaudit.api.audits import verify
from labelaudit.api.judge import judge
from labelaudit.api.mark import mark
from labelaudit.core.audits import Audit
from labelaudit.core.errors import DataError
from tests.gate_audit import Row, write_rows

STORED = Path(__file__).parents[2] / "stored" / "table"


@pytest.fixture
def audit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    audit = write_rows(tmp_path, [Row("cat/1.png", "cat", 0.02, "dog"), Row("dog/1.png", "dog")], finished=False)
    audit.write_arrays("extra", x=np.arange(3))
    audit.append_event({"event": "Said"})
    audit.finish({"noise_rate": 0.5})
    return Audit(audit.path)


def test_a_finished_audit_is_whole_and_stays_so_with_decisions(audit):
    assert sorted(audit.meta["files"]) == ["events.jsonl", "extra.npz", "findings.parquet"]
    mark(["cat/1.png"], verdict="ok", why="x")
    found = verify()
    assert (found.problems, found.notes, found.files) == ((), (), 3)
    assert found.describe() == f"{audit.path} is whole: 3 files as when it was finished."


def test_every_flipped_byte_of_every_file_is_found(audit):
    for name in (*audit.meta["files"], "audit.json"):
        path = audit.path / name
        data = path.read_bytes()
        for place in range(0, len(data), max(1, len(data) // 16)):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            assert not verify(audit).is_whole, (name, place)
        path.write_bytes(data[:-2])  # the last of audit.json is a line end
        assert not verify(audit).is_whole
        path.write_bytes(data)
    assert verify(audit).is_whole


def test_problems_name_the_file_and_what_happened(audit):
    (audit.path / "extra.npz").unlink()
    with (audit.path / "events.jsonl").open("a") as file:
        file.write("{}\n")
    (audit.path / "decisions.jsonl").write_text('{"schema": 1, "verd')
    (audit.path / "more.txt").write_text("x")
    found = verify(audit)
    n = audit.meta["files"]["events.jsonl"]["bytes"]
    assert found.problems == (
        f"events.jsonl has {n + 3} bytes, {n} when the audit was finished.",
        "extra.npz is missing.",
        "decisions.jsonl: what a crash cut off, line 1.",
    )
    assert found.notes == ("not of the scan: more.txt",)


def test_a_changed_rate_breaks_the_seal(audit):
    meta = json.loads((audit.path / "audit.json").read_text())
    meta["results"]["noise_rate"] = 0.0
    (audit.path / "audit.json").write_text(json.dumps(meta))
    assert verify(audit).problems == ("audit.json was changed after the audit was finished.",)


def test_findings_of_other_samples_do_not_fit_the_fingerprint(tmp_path):
    shutil.copytree(STORED / "audit", tmp_path / "audit")
    assert verify(tmp_path / "audit").is_whole  # of an earlier version, without checksums
    shutil.copy(STORED.parent / "photos" / "audit" / "findings.parquet", tmp_path / "audit")
    (problem, *_) = verify(tmp_path / "audit").problems
    assert "is no class of audit.json" in problem
    meta = json.loads((tmp_path / "audit" / "audit.json").read_text())
    meta["dataset"]["classes"] = ["blue", "red"]
    (tmp_path / "audit" / "audit.json").write_text(json.dumps(meta))
    assert (
        "findings.parquet is not of the samples whose fingerprint is in audit.json."
        in verify(tmp_path / "audit").problems
    )


def test_an_audit_of_an_earlier_version_says_that_it_has_no_checksums():
    found = verify(STORED / "audit")
    assert (found.is_whole, found.files) == (True, 0)
    assert "without checksums" in found.notes[0]


def test_an_audit_that_was_judged_again_has_checksums_of_its_own(tmp_path, monkeypatch):
    place = tmp_path / ".labelaudit" / "audits" / "one"
    shutil.copytree(STORED / "audit", place)
    monkeypatch.chdir(tmp_path)
    new = judge(place, overrides={"policy.suspect_below": "0.3"})
    assert verify(new).is_whole
    assert verify(new).files >= 3
    again = judge(new, overrides={"policy.suspect_below": "0.4"})
    assert verify(again).is_whole


def test_there_is_nothing_to_verify_without_an_audit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no audit in"):
        verify()
