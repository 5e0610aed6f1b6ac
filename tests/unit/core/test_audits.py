import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labelaudit
from labelaudit.core.audits import Audit, find_audit, list_audits
from labelaudit.core.errors import DataError
from labelaudit.core.files import write_atomically
from labelaudit.core.findings import write_findings
from tests.pets import CLASSES, small_findings


def finished_audit(root, **facts):
    audit = Audit.create(root, method="drpl", facts={"source": "pets", **facts})
    write_findings(small_findings(), audit.findings_path)
    audit.finish({"noise_rate": 0.6})
    return audit


def test_writing_atomically_replaces_the_file_and_leaves_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    write_atomically(tmp_path / "a.txt", lambda part: part.write_text("new"))
    assert (tmp_path / "a.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_who_reads_the_old_file_goes_on_reading_it(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={"seed": 1})
    with (audit.path / "audit.json").open() as reader:
        audit.update(seed=2)
        assert json.load(reader)["seed"] == 1
    assert audit.meta["seed"] == 2


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")

    def fail(part):
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "a.txt", fail)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_the_file_is_whole_before_it_gets_its_name(tmp_path):
    seen = []

    def write(part):
        part.write_text("x")
        seen.append((part.parent, (tmp_path / "a.txt").exists()))

    write_atomically(tmp_path / "a.txt", write)
    assert seen == [(tmp_path, False)]


def test_a_new_audit_is_running_and_git_ignores_it(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={"seed": 3, "versions": {"numpy": "2"}})
    assert (tmp_path / ".labelaudit" / ".gitignore").read_text() == "*\n"
    assert audit.path.parent == tmp_path / ".labelaudit" / "audits"
    assert re.fullmatch(r"\d{8}-\d{6}-drpl-[0-9a-f]{6}", audit.path.name)
    assert audit.checkpoints_path.is_dir()
    meta = audit.meta
    assert (meta["schema"], meta["status"], meta["seed"], meta["versions"]) == (1, "running", 3, {"numpy": "2"})
    assert (meta["labelaudit"], meta["finished"], meta["error"]) == (labelaudit.__version__, None, None)
    assert meta["created"].endswith("+00:00")


def test_facts_become_plain_json(tmp_path):
    facts = {"source": Path("a/b"), "rate": np.float32(0.5), "bad": float("nan"), "counts": np.array([1, 2]), "x": (1,)}
    meta = Audit.create(tmp_path, method="drpl", facts=facts).meta
    assert [meta[key] for key in facts] == [str(Path("a/b")), 0.5, None, [1, 2], [1]]


def test_updates_are_seen_by_every_handle(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={})
    other = Audit(audit.path)
    audit.update(device="cuda")
    assert other.meta["device"] == "cuda"


def test_finishing_stores_results_and_moves_latest(tmp_path):
    audit = finished_audit(tmp_path)
    assert (audit.status, audit.meta["results"]) == ("finished", {"noise_rate": 0.6})
    assert audit.meta["finished"] >= audit.meta["created"]
    assert (tmp_path / ".labelaudit" / "latest").read_text() == audit.path.name + "\n"


def test_an_audit_cannot_finish_without_findings(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={})
    with pytest.raises(ValueError, match=r"cannot finish without findings\.parquet"):
        audit.finish({})
    assert audit.status == "running"


def test_a_finished_audit_refuses_every_change_but_decisions(tmp_path):
    audit = Audit(finished_audit(tmp_path).path)
    before = {path: path.read_bytes() for path in audit.path.iterdir() if path.is_file()}
    for change in (
        lambda: audit.update(seed=1),
        lambda: audit.finish({}),
        lambda: audit.fail("x"),
        lambda: audit.interrupt("x"),
        lambda: audit.append_event({"event": "Said"}),
        lambda: audit.write_arrays("evidence", losses=np.zeros(2)),
    ):
        with pytest.raises(ValueError, match=f"{audit.path.name} has finished and is never changed"):
            change()
    assert {path: path.read_bytes() for path in audit.path.iterdir() if path.is_file()} == before
    audit.append_decision({"sample_id": "a.png", "label": "dog"})
    audit.append_decision({"sample_id": "b.png", "label": None})
    lines = (audit.path / "decisions.jsonl").read_text().splitlines()
    assert [json.loads(line)["sample_id"] for line in lines] == ["a.png", "b.png"]


@pytest.mark.parametrize("end", ["fail", "interrupt", "none"])
def test_latest_stays_with_the_last_good_audit(tmp_path, end):
    good = finished_audit(tmp_path)
    bad = Audit.create(tmp_path, method="elr", facts={})
    if end != "none":
        getattr(bad, end)("out of memory")
        assert bad.meta["error"] == "out of memory"
    assert find_audit(tmp_path).path == good.path


def test_events_are_appended_one_per_line(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={})
    audit.append_event({"event": "Said", "text": "two\nlines"})
    audit.append_event({"event": "StageFinished", "seconds": np.float64(1.5)})
    lines = (audit.path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": "Said", "text": "two\nlines"},
        {"event": "StageFinished", "seconds": 1.5},
    ]


def test_arrays_survive_a_round_trip_without_pickle_and_with_the_same_bytes(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={})
    path = audit.write_arrays("evidence", losses=np.array([0.5, 2.0], np.float32), name=np.array([1]))
    first = path.read_bytes()
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["losses"].tolist() == [0.5, 2.0]
        assert arrays["name"].tolist() == [1]
    assert audit.write_arrays("evidence", losses=np.array([0.5, 2.0], np.float32), name=np.array([1])) == path
    assert path.read_bytes() == first
    with pytest.raises(ValueError, match="array 'odd' holds Python objects"):
        audit.write_arrays("evidence", odd=np.array([{}]))
    assert path.read_bytes() == first


def test_findings_are_read_once_and_suspects_are_ranked(tmp_path):
    audit = finished_audit(tmp_path)
    pd.testing.assert_frame_equal(audit.findings, small_findings())
    assert audit.findings is audit.findings
    assert audit.suspects["sample_id"].iloc[0] == "b.png"


def test_the_summary_knows_where_the_audit_is(tmp_path):
    audit = finished_audit(tmp_path, recipe={"name": "fast"}, dataset={"classes": list(CLASSES)})
    summary = audit.summary
    assert summary["audit"] == {"path": str(audit.path), "name": audit.path.name}
    assert (summary["recipe"], summary["noise"]["rate"], summary["suspects"]) == ("fast", 0.6, 5)


def test_unfinished_findings_raise_with_status_and_reason(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={"source": "pets"})
    with pytest.raises(DataError, match="is not finished: its status is running") as running:
        _ = audit.findings
    assert "`labelaudit scan pets --resume`" in str(running.value.hint)
    audit.fail("loss is not a number")
    with pytest.raises(DataError, match=r"its status is failed \(loss is not a number\)\."):
        _ = audit.findings


def test_the_representation_shows_status_and_suspects(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={})
    assert repr(audit) == f"<Audit {audit.path}: running>"
    done = finished_audit(tmp_path)
    assert repr(done) == f"<Audit {done.path}: finished, 5 suspects of 6>"
    assert repr(Audit(tmp_path)).startswith(f"<Audit {tmp_path}: ")


def test_an_audit_is_found_by_its_folder_its_home_and_the_folder_above(tmp_path):
    audit = finished_audit(tmp_path)
    for path in (audit.path, tmp_path / ".labelaudit", tmp_path):
        assert find_audit(path).path == audit.path


def test_without_a_path_the_parents_are_searched(tmp_path, monkeypatch):
    audit = finished_audit(tmp_path)
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "photos" / "cats")
    assert find_audit().path == audit.path


def test_a_dataset_names_its_newest_finished_audit_here_or_above(tmp_path, monkeypatch):
    for name in ("photos/cats", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    photos = [finished_audit(tmp_path, source="photos/") for _ in range(2)]
    finished_audit(tmp_path, source="elsewhere")
    Audit.create(tmp_path, method="drpl", facts={"source": "photos"}).interrupt("Ctrl-C")
    newest = max(audit.path for audit in photos)
    assert find_audit("photos").path == find_audit("./photos/").path == find_audit(tmp_path / "photos").path == newest
    monkeypatch.chdir(tmp_path / "photos/cats")
    assert find_audit("..").path == newest
    inside = finished_audit(tmp_path / "photos/cats", source="s3://bucket/x")
    assert find_audit("s3://bucket/x/").path == inside.path
    assert find_audit(".").path == inside.path  # no audit of it, but it has one


def test_an_audit_is_found_by_its_name_here_and_above(tmp_path, monkeypatch):
    older, _ = finished_audit(tmp_path, source="photos"), finished_audit(tmp_path, source="photos")
    (tmp_path / "below").mkdir()
    for place in (tmp_path, tmp_path / "below"):
        monkeypatch.chdir(place)
        assert find_audit(older.path.name).path == older.path


def test_a_dataset_whose_only_audit_was_stopped_says_so(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    Audit.create(tmp_path, method="drpl", facts={"source": "photos"}).interrupt("Ctrl-C")
    finished_audit(tmp_path, source="others")
    with pytest.raises(DataError, match=r"is not finished: its status is interrupted \(Ctrl-C\)"):
        find_audit("photos")


def test_a_dataset_without_an_audit_names_both_places_where_one_was_sought(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished_audit(tmp_path, source="others")
    with pytest.raises(DataError) as caught:
        find_audit("photos")
    assert caught.value.problem == f"no audit of photos in {tmp_path} or above, nor any in photos."
    assert caught.value.hint == "Run `labelaudit scan photos` first."


def test_no_audit_at_all_says_where_it_looked_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        find_audit()
    assert caught.value.problem == f"no audit in {tmp_path} or above."
    assert caught.value.hint == "Run `labelaudit scan DATA` first."


def test_a_folder_with_unfinished_audits_only_tells_the_status_of_the_newest(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={"source": "pets"})
    audit.interrupt("Ctrl-C")
    with pytest.raises(DataError, match=rf"{audit.path.name} is not finished: its status is interrupted \(Ctrl-C\)"):
        find_audit(tmp_path)


def test_the_latest_audit_is_the_one_that_finished_last(tmp_path):
    first, second = (Audit.create(tmp_path, method=method, facts={}) for method in ("a", "b"))
    for audit in (second, first):
        write_findings(small_findings(), audit.findings_path)
        audit.finish({})
    assert find_audit(tmp_path).path == first.path


def test_latest_cannot_lead_out_of_its_folder(tmp_path):
    audit = finished_audit(tmp_path / "here")
    other = finished_audit(tmp_path / "there")
    (tmp_path / "here" / ".labelaudit" / "latest").write_text(str(other.path))
    assert find_audit(tmp_path / "here").path == audit.path


def test_latest_naming_a_deleted_audit_falls_back_to_a_finished_one(tmp_path):
    audit = finished_audit(tmp_path)
    Audit.create(tmp_path, method="zzz", facts={})
    for text in ("gone\n", "", "../../../etc"):
        (tmp_path / ".labelaudit" / "latest").write_text(text)
        assert find_audit(tmp_path).path == audit.path


def test_damaged_json_and_other_schemas_are_data_errors(tmp_path):
    audit = finished_audit(tmp_path)
    file = audit.path / "audit.json"
    text = file.read_text()
    file.write_text(text[:40])
    with pytest.raises(DataError, match=r"audit\.json is damaged: "):
        find_audit(tmp_path)
    file.write_text("[]")
    with pytest.raises(DataError, match=r"audit\.json is damaged: it has no status"):
        find_audit(tmp_path)
    file.write_text(text.replace('"schema": 1', '"schema": 9'))
    with pytest.raises(DataError, match=r"has audit schema 9; this labelaudit reads schema 1\."):
        find_audit(tmp_path)


def test_audits_are_listed_oldest_first_whatever_their_status(tmp_path):
    names = ["20260101-000000-drpl-aaaaaa", "20270101-000000-drpl-aaaaaa", "20250101-000000-elr-ffffff"]
    for name in names:
        folder = tmp_path / ".labelaudit" / "audits" / name
        folder.mkdir(parents=True)
        (folder / "audit.json").write_text("{}")
    assert [audit.path.name for audit in list_audits(tmp_path)] == sorted(names)
    assert list_audits(tmp_path / "elsewhere") == []


def test_a_root_that_is_a_file_cannot_hold_audits(tmp_path):
    (tmp_path / "table.csv").write_text("x")
    with pytest.raises(DataError, match=r"cannot write to .*table\.csv: "):
        Audit.create(tmp_path / "table.csv", method="drpl", facts={})


def test_opening_and_listing_audits_imports_no_pandas():
    code = """import sys, labelaudit.core.audits as audits
audits.list_audits()
print({"pandas", "numpy", "torch"} & set(sys.modules))"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "set()\n"


def test_a_line_cut_off_by_a_crash_does_not_swallow_the_next_one(tmp_path):
    audit = finished_audit(tmp_path)
    audit.append_decision({"sample_id": "a.png"})
    with (audit.path / "decisions.jsonl").open("a") as file:
        file.write('{"sample_id": "b.p')
    audit.append_decision({"sample_id": "c.png"})
    lines = (audit.path / "decisions.jsonl").read_text().splitlines()
    assert lines == ['{"sample_id": "a.png"}', '{"sample_id": "b.p', '{"sample_id": "c.png"}']
