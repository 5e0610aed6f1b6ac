"""Records beside corrected data: a stranger may have laid them out; undoing removes nothing outside of the output."""

import json
import os

import pytest

from labelaudit.core.errors import ConfigError, DataError, LabelAuditError
from labelaudit.mending.record import file_hash, record_path, require_free_place, undo

FACTS = {"schema": 1, "output": "new", "from": "old", "by": "link"}


def lay_out(folder, facts, *lines):
    """Write an old and a new folder with a file each, and a record; return the new folder."""
    for name in ("old", "new"):
        (folder / name).mkdir()
    (folder / "old" / "1.png").write_text("one")
    os.link(folder / "old" / "1.png", folder / "new" / "1.png")
    record_path(folder / "new").write_text("".join(json.dumps(line) + "\n" for line in (facts, *lines)))
    return folder / "new"


def secret_beside(folder):
    path = folder / "secret"
    path.write_text("mine")
    return path


def test_what_the_record_tells_of_is_removed_with_it(tmp_path):
    output = lay_out(tmp_path, FACTS, {"file": "1.png", "of": "1.png"})
    assert undo(output).removed == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "{here}/secret", "", ".", "a\0b", 3, None, ["x"]])
def test_a_record_that_names_a_file_elsewhere_is_refused_before_anything_is_removed(tmp_path, name):
    secret = secret_beside(tmp_path)
    name = name.format(here=tmp_path) if isinstance(name, str) else name
    line = {"file": name, "sha256": file_hash(secret)}
    output = lay_out(tmp_path, FACTS, {"file": "1.png", "of": "1.png"}, line)
    with pytest.raises(DataError, match=r"changes\.jsonl: line 3\.file is"):
        undo(output)
    assert secret.exists()
    assert (output / "1.png").exists()


def test_a_folder_that_became_a_link_is_not_gone_into(tmp_path):
    beside = tmp_path / "beside"
    beside.mkdir()
    secret = secret_beside(beside)
    output = lay_out(tmp_path, FACTS, {"file": "way/secret", "sha256": file_hash(secret)})
    (output / "way").symlink_to(beside)
    assert undo(output).kept == ("1.png", "way")
    assert secret.exists()


def test_an_output_that_is_a_link_is_left_alone_with_what_it_leads_to(tmp_path):
    (tmp_path / "beside" / "empty").mkdir(parents=True)
    output = lay_out(tmp_path, FACTS)
    (output / "1.png").unlink()
    output.rmdir()
    output.symlink_to(tmp_path / "beside")
    with pytest.raises(DataError, match="is a symbolic link"):
        undo(output)
    assert (tmp_path / "beside" / "empty").is_dir()


@pytest.mark.parametrize("by", ["link", "copy"])
def test_a_file_that_the_record_calls_its_own_copy_stays(tmp_path, by):
    output = lay_out(tmp_path, FACTS | {"from": "new", "by": by}, {"file": "1.png", "of": "1.png"})
    assert undo(output).kept == ("1.png",)


@pytest.mark.parametrize(
    "facts",
    [
        {"schema": 1},
        {**FACTS, "from": None},
        {**FACTS, "from": "a\0b"},
        {**FACTS, "by": ["link"]},
        {**FACTS, "sha256": 5},
        [],
        "x",
    ],
)
def test_damaged_facts_are_an_error_that_names_the_record(tmp_path, facts):
    output = lay_out(tmp_path, facts)
    with pytest.raises(DataError, match=r"new\.changes\.jsonl: "):
        undo(output)


def test_a_file_without_its_origin_is_an_error(tmp_path):
    output = lay_out(tmp_path, FACTS, {"file": "1.png"})
    with pytest.raises(DataError, match="expected a file with sha256 or of"):
        undo(output)


def make_pipe(path):
    os.mkfifo(path)


def make_link(path):
    path.symlink_to(secret_beside(path.parent))


def make_folder(path):
    path.mkdir()


def make_deep(path):
    path.write_text('{"schema": 1, "x": ' + "[" * 50_000)


@pytest.mark.parametrize("make", [make_pipe, make_link, make_folder, make_deep])
def test_a_record_that_is_none_is_neither_waited_for_nor_followed(tmp_path, make):
    output = tmp_path / "new.csv"
    make(record_path(output))
    with pytest.raises(LabelAuditError):
        undo(output)
    with pytest.raises(ConfigError, match="is no record of new"):
        require_free_place(output)
    output.write_text("x")
    with pytest.raises(ConfigError, match="apply did not write it"):
        require_free_place(output)


def test_an_output_that_leads_nowhere_is_no_output(tmp_path):
    output = tmp_path / "new.csv"
    output.symlink_to("nowhere")
    record_path(output).write_text(json.dumps({"schema": 1, "output": "new.csv", "sha256": "00"}))
    with pytest.raises(DataError, match="is a symbolic link"):
        require_free_place(output)
