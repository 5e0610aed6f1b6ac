"""Decisions in files of strangers: taken, or refused in one sentence; nothing is waited for."""

import io
import json
import os
import zipfile

import pytest

from labelaudit.api.import_ import import_
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import DataError
from tests.gate_audit import Row, write_rows

CHOICE = {"type": "choices", "value": {"choices": ["dog"]}}
TASK = {"data": {"sample_id": "cat/1.png"}, "annotations": [{"result": [CHOICE]}]}
TAGGED = {"filepath": "cat/1.png", "tags": ["labelaudit:wrong"], "given": {"label": "dog"}, "given_label": "cat"}
XML = b'<annotations><image id="0" name="cat/1.png"><tag label="dog" source="manual"></tag></image></annotations>'


@pytest.fixture
def audit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_rows(tmp_path, [Row("cat/1.png", "cat", 0.1, "dog"), Row("dog/2.png", "dog", 0.2, "cat")])


def result(*results):
    return {"annotations": [{"result": list(results)}]}


def zipped(data=XML, name="annotations.xml"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return bytearray(buffer.getvalue())


def changed(data, **at):
    """Change bytes of both headers of a .zip of one member."""
    central = data.rfind(b"PK\x01\x02")
    places = {"flags": (6, central + 8), "method": (8, central + 10)}
    for name, value in at.items():
        for place in places[name]:
            data[place] = value
    return data


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"data": ["x"]}, r"task 1\.data is"),
        ({"data": None}, r"task 1\.data is"),
        ({"annotations": None}, r"task 1\.annotations is"),
        ({"annotations": "abc"}, r"task 1\.annotations is"),
        ({"annotations": [3]}, r"task 1\.annotations\[0\] is"),
        ({"annotations": [{"result": {"a": 1}}]}, r"annotations\[0\]\.result is"),
        (result(CHOICE, {"type": "choices", "value": [1]}), r"result\[1\]\.value is"),
        (result({"type": "choices", "value": {"choices": [["dog"]]}}), "task 1: a choice is"),
        (result({"type": "choices", "value": {"choices": {"dog": 1}}}), "task 1: a choice is"),
    ],
)
def test_a_task_of_another_shape_is_named_with_its_key(audit, tmp_path, change, key):
    (tmp_path / "a.json").write_text(json.dumps([TASK | change]))
    with pytest.raises(DataError, match=key):
        import_("a.json", new_class=True)
    assert not read_decisions(audit).known


@pytest.mark.parametrize(
    "note", [{"type": "textarea"}, {"type": "textarea", "value": None}, {"type": "textarea", "value": {"text": None}}]
)
def test_an_empty_note_is_no_reason_to_refuse_a_choice(audit, tmp_path, note):
    (tmp_path / "a.json").write_text(json.dumps([TASK | result(CHOICE, note)]))
    assert [known.label for known in import_("a.json").decisions] == ["dog"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"tags": 5}, r"sample 1\.tags is"),
        ({"given": [1]}, r"sample 1\.given is"),
        ({"given": {"label": {"a": 1}}}, r"sample 1\.given\.label is"),
    ],
)
def test_a_sample_of_another_shape_is_named_with_its_key(audit, tmp_path, change, key):
    (tmp_path / "a.json").write_text(json.dumps({"samples": [TAGGED | change, 3]}))
    with pytest.raises(DataError, match=key):
        import_("a.json", new_class=True)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("deep.json", b"[" * 100_000),
        ("digits.json", b'[{"data": {}, "annotations": ' + b"9" * 6000 + b"}]"),
        ("method.zip", changed(zipped(), method=99)),
        ("secret.zip", changed(zipped(), flags=1)),
        ("other.zip", zipped(name="x")),
        ("torn.zip", zipped()[:-30]),
        ("deep.jsonl", b'{"sample_id": "cat/1.png", "decision": ' + b"[" * 5000 + b"}"),
        ("digits.jsonl", b'{"decision": "ok", "sample_id": ' + b"9" * 6000 + b"}"),
        ("half.jsonl", b'{"sample_id": "cat/1.png", "decision": "wrong", "label": "\\ud800"}'),
        ("junk.xlsx", b"PK\x03\x04junk"),
        ("wide.xml", ('<?xml version="1.0" encoding="utf-16"?>' + XML.decode()).encode("utf-16")),
    ],
)
def test_a_damaged_file_ends_in_an_error_that_names_it(audit, tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=name):
        import_(name, new_class=True)


def test_an_archive_that_unpacks_to_gigabytes_is_not_unpacked(audit, tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.api.import_.MOST_TEXT", 2**20)
    (tmp_path / "bomb.zip").write_bytes(zipped(XML.replace(b"></tag>", b">" + b" " * 2**21 + b"</tag>")))
    with pytest.raises(DataError, match=r"bomb\.zip: cannot be read: annotations\.xml has 2 MiB"):
        import_("bomb.zip")


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "xml", "zip"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), os.mkdir])
def test_what_is_no_file_is_not_waited_for(audit, tmp_path, make, suffix):
    make(tmp_path / f"a.{suffix}")
    with pytest.raises(DataError, match=f"a.{suffix}"):
        import_(f"a.{suffix}")


def test_words_that_are_no_text_are_recorded_as_text(audit, tmp_path):
    who = {"email": "a\n\x1b[2J\u202e\ud800"}
    (tmp_path / "a.json").write_text(json.dumps([TASK | {"annotations": [{"result": [CHOICE], "completed_by": who}]}]))
    import_("a.json")
    (known,) = read_decisions(audit).known.values()
    assert known.who == "a\n\x1b[2J\u202e\\ud800"
