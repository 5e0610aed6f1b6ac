"""baseline and mark, from a shell."""

import json
import multiprocessing
import subprocess

import pytest

import labelaudit as package
from labelaudit.core.dataset import SetAside
from tests.cli.terminal import masked
from tests.gate_audit import Row, write_pictures, write_rows

ROWS = [
    Row("cat/1.png", "cat", 0.02, "dog"),
    Row("cat/2.png", "cat", 0.3, "dog"),
    *[Row(f"cat/{n}.png", "cat") for n in range(3, 9)],
    *[Row(f"dog/{n}.png", "dog") for n in range(9, 15)],
]
BROKEN = SetAside("dog/x.png", "dog/x.png", "dog", "unreadable", "empty")
QUIET = ["--max-noise", "none"]


@pytest.fixture
def photos(here):
    """Pictures, their audit with two suspects, in a git repository with a user."""
    subprocess.run(["git", "init", "-q", "."], cwd=here, check=True)
    subprocess.run(["git", "config", "user.name", "Ada Lovelace"], cwd=here, check=True)
    write_rows(here, write_pictures(here / "photos", ROWS), set_aside=[BROKEN])
    (here / "photos" / "dog" / "x.png").write_bytes(b"")
    (here / "labelaudit.toml").write_text('[check]\nmax_noise = "none"\nmax_unreadable = 1\n')
    return here / "photos"


def entries(here):
    return [line.split("\t") for line in (here / "labelaudit-baseline.tsv").read_text().splitlines()[2:]]


def test_suspects_of_the_baseline_are_silent(photos, here, labelaudit):
    run = labelaudit("baseline")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout == f"{here / 'labelaudit-baseline.tsv'}: 2 entries (2 added, 0 removed, 0 decided)\n"
    assert sorted(line[-1] for line in entries(here)) == ["cat/1.png", "cat/2.png"]
    check = labelaudit("check")
    assert check.exit_code == 0
    assert "pass  max-new-suspects" in check.stdout
    assert "Worst samples" not in check.stdout
    assert check.stdout.splitlines()[-1].endswith("2 suspects, 2 known, 0 accepted")


def test_a_suspect_that_is_not_in_the_baseline_fails(photos, here, labelaudit):
    labelaudit("baseline")
    text = (here / "labelaudit-baseline.tsv").read_text().splitlines(keepends=True)
    (here / "labelaudit-baseline.tsv").write_text("".join(line for line in text if "cat/1.png" not in line))
    run = labelaudit("check")
    assert run.exit_code == 1
    assert "fail  max-new-suspects         1 suspect that the baseline does not know; 0 allowed" in run.stdout
    assert "cat/1.png" in run.stdout
    assert labelaudit("check", "--max-new-suspects", "1").exit_code == 0


def test_a_mark_is_recorded_in_the_audit_and_in_the_baseline(photos, here, labelaudit, golden):
    labelaudit("baseline")
    run = labelaudit("mark", "cat/1.png", "--ok", "--why", "a cat behind glass")
    assert (run.exit_code, run.stderr) == (0, "")
    golden("mark", masked(run.stdout, here))
    (file,) = (here / ".labelaudit").glob("audits/*/decisions.jsonl")
    record = json.loads(file.read_text())
    assert (record["sample_id"], record["verdict"], record["who"]) == ("cat/1.png", "ok", "Ada Lovelace")
    (line,) = [line for line in entries(here) if line[-1] == "cat/1.png"]
    assert (line[2], line[4], line[6]) == ("ok", "Ada Lovelace", "a cat behind glass")
    assert labelaudit("check").stdout.splitlines()[-1].endswith("1 suspect, 1 known, 1 accepted")


def test_an_accepted_sample_stays_silent_when_it_is_renamed_and_scanned_again(photos, here, labelaudit):
    labelaudit("baseline")
    labelaudit("mark", "cat/1.png", "--ok", "--why", "a cat behind glass")
    (photos / "cat" / "1.png").rename(photos / "cat" / "glass.png")
    assert labelaudit("check").exit_code == 0
    again = [Row("cat/glass.png", "cat", 0.02, "dog", package.load().findings["content_hash"][0]), *ROWS[2:]]
    write_rows(here, again)
    run = labelaudit("check", "-o", "max_unjudged=none", "-o", "max_suspects=0")
    assert run.exit_code == 0
    assert run.stdout.splitlines()[-1].endswith("0 suspects, 0 known, 1 accepted")
    assert labelaudit("baseline", "--ratchet").stdout.endswith("1 entry (0 added, 1 removed, 0 decided)\n")
    assert entries(here)[0][2] == "ok"


def test_decisions_before_the_first_baseline_go_into_it(photos, here, labelaudit):
    run = labelaudit("mark", "photos/cat/1.png", "--wrong", "--label", "dog", "--who", "Bob", "--why", "a dog")
    assert run.stdout == "cat/1.png: cat is wrong, right is dog\n"
    assert not (here / "labelaudit-baseline.tsv").exists()
    labelaudit("baseline")
    evidence = {line[-1]: line[2:5] for line in entries(here)}
    assert evidence == {"cat/1.png": ["wrong", "dog", "Bob"], "cat/2.png": ["open", "", ""]}


def test_the_ratchet_drops_what_is_no_suspect_any_more(photos, here, labelaudit):
    labelaudit("baseline")
    write_rows(here, [Row("cat/1.png", "cat", 0.02, "dog"), *ROWS[2:]])  # without cat/2.png; a new one
    before = {line[0] for line in entries(here)}
    note = labelaudit("check", "-o", "max_unjudged=none", "--max-new-suspects", "5").stdout
    assert "labelaudit-baseline.tsv has 2 entries that are no longer needed; labelaudit baseline --ratchet" in note
    assert labelaudit("baseline", "--ratchet").exit_code == 0
    assert {line[0] for line in entries(here)} < before


def test_baseline_and_settings_may_be_elsewhere(photos, here, labelaudit):
    (here / "gate").mkdir()
    (here / "gate" / "labelaudit.toml").write_text('audit = ".."\nbaseline = "known.tsv"\n[check]\nmax_noise = 1\n')
    assert labelaudit("baseline", "--config", "gate/labelaudit.toml").exit_code == 0
    assert (here / "gate" / "known.tsv").exists()
    labelaudit("baseline", "--output", "other.tsv")
    assert (here / "other.tsv").read_text() == (here / "gate" / "known.tsv").read_text()


MISTAKES = {
    "mark-unknown-sample": (["mark", "cat/l.png", "--ok", "--why", "x"], 2),
    "mark-unknown-label": (["mark", "cat/1.png", "--wrong", "--label", "dgo", "--why", "x"], 2),
    "mark-given-label": (["mark", "cat/1.png", "--wrong", "--label", "cat", "--why", "x"], 2),
    "mark-label-of-a-right-one": (["mark", "cat/1.png", "--ok", "--label", "dog", "--why", "x"], 2),
    "mark-without-a-verdict": (["mark", "cat/1.png", "--why", "x"], 2),
    "mark-without-a-reason": (["mark", "cat/1.png", "--ok", "--why", " "], 2),
    "mark-an-unreadable-file": (["mark", "dog/x.png", "--ok", "--why", "x"], 2),
    "ratchet-without-a-baseline": (["baseline", "--ratchet"], 2),
    "baseline-in-a-missing-folder": (["baseline", "--output", "nowhere/b.tsv"], 3),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_records_nothing(name, photos, here, labelaudit, golden):
    arguments, exit_code = MISTAKES[name]
    run = labelaudit(*arguments)
    assert (run.exit_code, run.stdout) == (exit_code, "")
    golden(f"error-{name}", masked(run.stderr, here))
    assert list(here.glob(".labelaudit/audits/*/decisions.jsonl")) == []


def test_several_samples_are_marked_or_none(photos, here, labelaudit):
    run = labelaudit("mark", "cat/1.png", "cat/9.png", "cat/0.png", "--ok", "--why", "x")
    assert run.exit_code == 2
    assert "has no sample 'cat/9.png', 'cat/0.png'." in run.stderr
    assert labelaudit("mark", "cat/1.png", "cat/2.png", "cat/1.png", "--ok", "--why", "x").exit_code == 0
    (file,) = here.glob(".labelaudit/audits/*/decisions.jsonl")
    assert len(file.read_text().splitlines()) == 2


def test_a_damaged_baseline_ends_the_check_with_3(photos, here, labelaudit):
    (here / "labelaudit-baseline.tsv").write_text("<<<<<<< HEAD\n")
    run = labelaudit("check", "--exit-zero")
    assert run.exit_code == 3
    assert "is no baseline of version 1: it does not begin with '# labelaudit baseline, version 1'" in run.stderr


def _mark(place: str, sample: str) -> None:
    package.mark([sample], verdict="ok", why="x", who="x", audit=place, baseline=f"{place}/labelaudit-baseline.tsv")


@pytest.mark.slow
def test_marks_at_the_same_time_are_all_recorded(photos, here, labelaudit):
    labelaudit("baseline")
    names = [f"cat/{n}.png" for n in range(1, 9)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(_mark, [(str(here), name) for name in names])
    (file,) = here.glob(".labelaudit/audits/*/decisions.jsonl")
    assert sorted(json.loads(line)["sample_id"] for line in file.read_text().splitlines()) == names
    assert sorted(line[-1] for line in entries(here) if line[2] == "ok") == names
