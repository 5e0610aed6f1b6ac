"""check against git, other splits and earlier audits, on real repositories and files."""

import json
import subprocess

import pytest

from tests.cli.terminal import SHORT, write_flowers
from tests.gate_audit import Row, write_pictures, write_rows

ROWS = [
    Row("cat/1.png", "cat", 0.02, "dog"),
    Row("cat/2.png", "cat", 0.03, "dog"),
    *[Row(f"cat/{n}.png", "cat") for n in range(3, 8)],
    *[Row(f"dog/{n}.png", "dog") for n in range(8, 15)],
]
QUIET = ["--max-noise", "none"]


def git(folder, *words):
    name = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *name, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit_all(folder, text="more"):
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", text)


@pytest.fixture
def repository(here):
    """A repository on branch main with the first pictures; the audit is of all of them."""
    git(here, "init", "-q", "-b", "main", ".")
    rows = write_pictures(here / "photos", ROWS)
    (here / "photos" / "cat" / "2.png").rename(here / "held-back.png")
    commit_all(here, "first")
    write_rows(here, rows)
    git(here, "checkout", "-q", "-b", "branch")
    (here / "held-back.png").rename(here / "photos" / "cat" / "2.png")
    return here


def result(labelaudit, rule, *options):
    found = json.loads(labelaudit("check", *QUIET, "--json", *options).stdout)
    return next((each for each in found["results"] if each["rule"] == rule), None)


def named(found):
    return [sample["path"] for sample in found["samples"]]


def test_suspects_in_changed_files_fail_and_others_do_not(repository, labelaudit):
    commit_all(repository)
    run = labelaudit("check", *QUIET, "--since", "main")
    assert run.exit_code == 1
    found = result(labelaudit, "max-changed-suspects", "--since", "main")
    assert (found["message"], named(found)) == ("1 new suspect among 1 changed sample; 0 allowed", ["cat/2.png"])
    assert labelaudit("check", *QUIET, "--since", "HEAD").exit_code == 0


def test_files_that_are_not_committed_yet_count(repository, labelaudit):
    assert labelaudit("check", *QUIET, "--since", "main").exit_code == 1
    git(repository, "add", "-A")
    assert labelaudit("check", *QUIET, "--since", "main").exit_code == 1


def test_what_changed_on_main_since_the_branch_left_does_not_count(repository, labelaudit):
    commit_all(repository)
    git(repository, "checkout", "-q", "main")
    (repository / "photos" / "cat" / "1.png").write_bytes(b"changed on main")
    commit_all(repository, "on main")
    git(repository, "checkout", "-q", "branch")
    assert named(result(labelaudit, "max-changed-suspects", "--since", "main")) == ["cat/2.png"]


def test_a_changed_file_is_read_though_its_name_and_label_are_the_same(repository, labelaudit):
    commit_all(repository)
    (repository / "photos" / "cat" / "3.png").write_bytes(b"another picture")
    assert result(labelaudit, "max-unjudged")["measured"] == 0
    found = result(labelaudit, "max-unjudged", "--since", "main")
    assert found["listed"] == ["cat/3.png (other content)"]


def test_odd_names_are_found(here, labelaudit):
    git(here, "init", "-q", "-b", "main", ".")
    git(here, "commit", "-q", "--allow-empty", "-m", "first")
    name = 'cat/\N{CAT FACE} "a"\n.png'
    write_rows(here, write_pictures(here / "photos", [Row(name, "cat", 0.1, "dog"), *ROWS[2:]]))
    assert named(result(labelaudit, "max-changed-suspects", "--since", "main")) == [name]


@pytest.mark.parametrize(
    ("revision", "said"),
    [("nowhere", "--since nowhere: git merge-base failed: fatal: Not a valid object name nowhere")],
)
def test_an_unknown_revision_ends_with_2_and_tells_what_git_said(revision, said, repository, labelaudit):
    run = labelaudit("check", "--since", revision)
    assert (run.exit_code, run.stdout) == (2, "")
    assert said in run.stderr
    assert "fetch-depth: 0" in run.stderr


def test_a_revision_that_looks_like_an_option_is_no_option(repository, labelaudit):
    run = labelaudit("check", "--since=--output=x")
    assert run.exit_code == 2
    assert not (repository / "photos" / "x").exists()


def test_outside_of_a_repository_since_ends_with_2(here, labelaudit, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(here.parent))
    write_rows(here, write_pictures(here / "photos", ROWS))
    run = labelaudit("check", "--since", "main")
    assert run.exit_code == 2
    assert "is not in a git repository, or git is not installed" in run.stderr


@pytest.mark.slow
def test_changed_rows_of_a_table_are_found_by_their_cells(here, labelaudit):
    table = write_flowers(here, n=60)
    lines = table.read_text().splitlines()
    git(here, "init", "-q", "-b", "main", ".")
    table.write_text("\n".join([*lines[:11], *lines[12:40]]) + "\n")
    commit_all(here)
    table.write_text("\n".join(lines) + "\n")
    assert labelaudit("scan", "flowers.csv", "--label-column", "species", *SHORT, "--quiet").exit_code == 0
    run = labelaudit("check", *QUIET, "--since", "main", "--json", "--max-changed-suspects", "60")
    (found,) = [r for r in json.loads(run.stdout)["results"] if r["rule"] == "max-changed-suspects"]
    assert " among 22 changed samples; 60 allowed" in found["message"]
    assert result(labelaudit, "max-unjudged")["message"].startswith("0 of 60 samples are not judged")
    first = result(labelaudit, "max-suspects", "--max-suspects", "0")["samples"][0]
    assert (first["file"], lines[first["line"] - 1].split(",")[0]) == ("flowers.csv", first["sample_id"])


SPLIT_ROWS = [Row(f"{split}/{row.path}", row.given, 0.99) for split in ("train", "test") for row in ROWS]


def split_pictures(here):
    rows = write_pictures(here / "photos", SPLIT_ROWS)
    copied = here / "photos" / "test" / "dog" / "copy.png"
    copied.write_bytes((here / "photos" / "train" / "dog" / "9.png").read_bytes())
    return rows, Row("test/dog/copy.png", "dog", content=next(r.content for r in rows if r.path == "train/dog/9.png"))


def test_a_copy_in_another_split_on_disk_is_a_leak(here, labelaudit):
    rows, _ = split_pictures(here)
    write_rows(here, [row for row in rows if row.path.startswith("train/")], split="train")
    found = result(labelaudit, "max-leaks")
    assert found["message"] == "1 exact copy across train, test; 0 allowed"
    assert found["listed"] == ["train/dog/9.png = test/dog/copy.png"]
    assert named(found) == ["train/dog/9.png"]
    assert labelaudit("check", *QUIET).exit_code == 1
    assert labelaudit("check", *QUIET, "-o", "max_leaks=1").exit_code == 0


def test_a_copy_within_an_audit_of_all_splits_is_a_leak(here, labelaudit):
    rows, copy = split_pictures(here)
    write_rows(here, [*rows, copy, Row("test/dog/same-split.png", "dog", content=rows[-1].content)], split="test,train")
    found = result(labelaudit, "max-leaks", "-o", "max_unjudged=none")
    assert found["message"] == "1 exact copy across test, train; 0 allowed"
    assert found["listed"] == ["test/dog/copy.png = train/dog/9.png"]


def test_splits_without_copies_pass_and_no_splits_are_skipped(here, labelaudit):
    write_rows(here, write_pictures(here / "photos", SPLIT_ROWS[:14]), split="train")
    assert result(labelaudit, "max-leaks")["status"] == "skipped"
    write_pictures(here / "photos", [*SPLIT_ROWS[:14], Row("test/dog/1.png", "dog")])
    assert result(labelaudit, "max-leaks")["status"] == "passed"


def test_classes_that_came_or_went_since_the_audit_before_are_told(here, labelaudit):
    write_rows(here, [*ROWS, Row("elk/1.png", "elk")])
    write_rows(here, ROWS, source="other photos")
    write_rows(here, [*ROWS, Row("elk/1.png", "elk"), Row("elk/2.png", "ell")], finished=False)
    write_rows(here, [*ROWS, Row("elk/1.png", "ell")])
    found = result(labelaudit, "max-label-changes")
    assert (found["status"], found["severity"], found["measured"]) == ("failed", "warning", 2)
    assert "(+ell, -elk); 0 allowed" in found["message"]
    assert labelaudit("check", *QUIET, "-o", "severity.max-label-changes=error").exit_code == 1


def test_a_shift_of_the_classes_is_measured_where_a_limit_asks_for_it(here, labelaudit):
    write_rows(here, ROWS)
    assert result(labelaudit, "max-label-shift", "-o", "max_label_shift=0.1")["status"] == "skipped"
    write_rows(here, [*ROWS, *[Row(f"cat/{n}.png", "cat") for n in range(20, 34)]])
    found = result(labelaudit, "max-label-shift", "-o", "max_label_shift=0.2")
    assert (found["status"], found["measured"]) == ("failed", pytest.approx(0.25))  # cats: 50 to 75 %
