"""No file of ours is opened through what somebody else laid out, and nothing half written stays."""

import json
import os
import subprocess
import sys

import pytest

from labelaudit.core.errors import DataError
from labelaudit.core.files import append_line, open_own, own_path, parse_json, read_own, write_atomically, write_text


@pytest.fixture
def home(tmp_path):
    """A folder of ours in somebody's repository, and beside the repository a file that nobody may touch."""
    (tmp_path / "secret").write_text("TOP SECRET")
    home = tmp_path / "repository" / ".labelaudit"
    (home / "audits" / "one").mkdir(parents=True)
    return home


@pytest.mark.parametrize("linked", [".labelaudit", "audits", "one", "decisions.jsonl"])
def test_a_link_anywhere_below_the_folder_that_holds_ours_is_refused(home, linked):
    file = home / "audits" / "one" / "decisions.jsonl"
    file.write_text("")
    place = next(each for each in (file, *file.parents) if each.name == linked)
    place.rename(home.parent.parent / "moved")
    place.symlink_to(home.parent.parent / "moved")
    for use in (own_path, open_own, read_own, lambda path: append_line(path, {"a": 1})):
        with pytest.raises(DataError) as caught:
            use(file)
        assert caught.value.problem == f"{place} is a symbolic link, and labelaudit follows none below {home.parent}."
    assert file.read_text() == ""


def test_a_line_never_goes_through_a_link_to_nowhere(home):
    (home / "log").symlink_to(home.parent.parent / "new")
    with pytest.raises(DataError, match="is a symbolic link"):
        append_line(home / "log", {"a": 1})
    assert not (home.parent.parent / "new").exists()


def test_links_above_are_the_users_own(tmp_path, home):
    (tmp_path / "short").symlink_to(home.parent)
    append_line(tmp_path / "short" / ".labelaudit" / "log", {"a": 1})
    assert json.loads((home / "log").read_text()) == {"a": 1}


def test_a_pipe_is_refused_at_once(home):
    os.mkfifo(home / "log")
    for use in (own_path, open_own, read_own, lambda path: append_line(path, {"a": 1})):
        with pytest.raises(DataError, match=r"log is no file, but a pipe\."):
            use(home / "log")


@pytest.mark.parametrize("name", ["../secret", "a/../../secret"])
def test_no_path_leaves_the_root(home, name):
    with pytest.raises(DataError, match="leaves"):
        own_path(home / name, root=home)


def test_a_zero_byte_in_a_name_is_told(home):
    with pytest.raises(DataError, match=r"cannot be read: (lstat: )?embedded null"):
        own_path(home / "a\0b")


def test_a_file_larger_than_any_of_ours_is_not_read(home):
    with (home / "huge").open("wb") as file:
        file.truncate(10**12)  # takes no space
    with pytest.raises(DataError, match=r"has more than 0 MiB|has more than 1 MiB"):
        read_own(home / "huge", most=2**20)


def test_a_write_replaces_a_link_and_does_not_follow_it(tmp_path):
    (tmp_path / "secret").write_text("TOP SECRET")
    (tmp_path / "a").symlink_to(tmp_path / "secret")
    write_text(tmp_path / "a", "new")
    assert ((tmp_path / "a").is_symlink(), (tmp_path / "secret").read_text()) == (False, "TOP SECRET")


def test_what_a_dead_process_left_half_written_goes_with_the_next_write(tmp_path):
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom labelaudit.core.files import write_atomically\n"
        "write_atomically(Path('a.txt'), lambda part: (part.write_text('half'), os._exit(1)))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False).returncode == 1
    (tmp_path / ".b.txt.0123abcd.part").write_text("of another file")
    assert len(list(tmp_path.glob(".a.txt.*.part"))) == 1
    write_text(tmp_path / "a.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.txt.0123abcd.part", "a.txt"]


def test_what_a_living_process_is_writing_stays(tmp_path):
    def write(part):
        write_text(tmp_path / "a.txt", "another")
        assert part.exists()
        part.write_text("mine")

    write_atomically(tmp_path / "a.txt", write)
    assert (tmp_path / "a.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[NaN]", "NaN is no number"),
        ("-Infinity", "-Infinity is no number"),
        ("1e999", "1e999 is no number"),
        ("1" * 5000, "a number has 5,000 digits"),
        ("[" * 100_000, "nested too deeply"),
        ("{", "Expecting property name"),
        (b"\xff\xfe\xfd", "codec can't decode|Expecting value"),
    ],
)
def test_json_that_is_none_is_a_value_error(text, why):
    with pytest.raises(ValueError, match=why):
        parse_json(text)


def test_json_is_read_as_it_was_written():
    assert parse_json('{"a": [1, -2.5, null, true, "\\ud83d\\udc31"]}') == {"a": [1, -2.5, None, True, "🐱"]}
