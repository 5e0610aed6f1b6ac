"""Labels that come and go in tables of several labels a sample: the cells change, nothing else does."""

from __future__ import annotations

import io
import json

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from labelaudit.api.apply import apply
from labelaudit.api.mark import mark
from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from tests.review_desk import write_audit_of


@pytest.fixture
def said():
    """Return a list that gets what apply says."""
    return []


@pytest.fixture
def mended(tmp_path, said):
    """Mark labels of a table as wrong, apply that, and return the new file's bytes."""

    def run(path, wrong, columns=None):
        settings = DataSettings(label_column=columns)
        n_pairs = len(read_dataset(path, settings, several=True))
        audit = write_audit_of(tmp_path, path, settings, [0.9] * n_pairs)
        mark(wrong, verdict="wrong", why="seen", who="Ann", audit=audit)
        done = apply(audit, data=path)
        assert (len(done.difference.relabelled), done.difference.stale) == (len(wrong), ())
        said.extend(done.difference.notes)
        return done.output.read_bytes()

    return run


@pytest.mark.parametrize(
    ("text", "wrong", "after"),
    [
        (  # marks, blanks and line ends as they are
            'id,kind,"labels",x\r\n"a",1,"rust; scab",2\r\nb,1,rust,3\r\nc,1,scab; rust,4',
            ["a#rust", "b#scab"],
            'id,kind,"labels",x\r\n"a",1,"scab",2\r\nb,1,rust; scab,3\r\nc,1,scab; rust,4',
        ),
        ("n,labels\n1,x y\n2,y x\n3,x\n4,y\n", ["2#x", "3#x"], "n,labels\n1,x y\n2,y x\n3,\n4,y x\n"),
        (  # columns of 0 and 1, each as it writes them
            "n, rust, scab, spot\n5, 1, 0, 1\n6, 1, 1, 0\n7, 0, 1, 0\n",
            ["0#scab", "2#scab"],
            "n, rust, scab, spot\n5, 1, 1, 1\n6, 1, 1, 0\n7, 0, 0, 0\n",
        ),
        ("n,u,v,w\n5,x,x,\n6,x,,\n7,,x,\n", ["1#v", "0#u"], "n,u,v,w\n5,,x,\n6,x,x,\n7,,x,\n"),
        (  # lists as Python and as JSON write them
            "n,labels\n5,\"['u', 'v']\"\n6,['v']\n7,['u']\n",
            ["1#u", "0#v"],
            "n,labels\n5,\"['u']\"\n6,\"['v', 'u']\"\n7,['u']\n",
        ),
        ('n\tlabels\n5\t["u","v"]\n6\t["v"]\n', ["0#u"], 'n\tlabels\n5\t["v"]\n6\t["v"]\n'),
    ],
)
def test_text_tables_change_in_these_cells_alone(tmp_path, mended, text, wrong, after):
    path = tmp_path / ("t.tsv" if "\t" in text else "t.csv")
    path.write_bytes(text.encode())
    header = text.partition("\n")[0]
    columns = None if "labels" in header else ",".join(name.strip() for name in header.split(",")[1:])
    assert mended(path, wrong, columns).decode() == after


def test_lists_in_json_lines_change_in_place(tmp_path, mended):
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "a",  "labels": ["u","v"], "x": 1}\n{"id": "b", "labels": ["v"], "x": 2.50}\n')
    after = '{"id": "a",  "labels": ["v"], "x": 1}\n{"id": "b", "labels": ["v", "u"], "x": 2.50}\n'
    assert mended(path, ["a#u", "b#u"]).decode() == after


def test_lists_in_parquet_keep_their_type(tmp_path, mended):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"id": ["a", "b"], "labels": [["u", "v"], ["v"]], "x": [1.5, 2.5]}).to_parquet(path)
    found = pd.read_parquet(io.BytesIO(mended(path, ["a#u", "b#u"])))
    assert [list(each) for each in found["labels"]] == [["v"], ["v", "u"]]


def test_numbers_in_lists_with_names_stay_numbers(tmp_path, mended):
    (tmp_path / "classes.txt").write_text("rust\nscab\nspot\n")
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{"x": n, "labels": each} for n, each in enumerate(([0, 2], [1], [2]))]))
    assert [row["labels"] for row in json.loads(mended(path, ["0#rust", "1#spot"]))] == [[2], [1, 2], [2]]


def test_a_label_of_several_has_two_answers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,x,labels\na,1,u|v\nb,2,v|u\n")
    audit = write_audit_of(tmp_path, path, DataSettings(), [0.9] * 4)
    with pytest.raises(ConfigError, match=r"a#u is about 'u' alone\.\nLeave --label away"):
        mark(["a#u"], verdict="wrong", why="seen", label="v", audit=audit)
    with pytest.raises(ConfigError, match=r"2 samples have the path.*\n.*'a#u', 'a#v'"):
        mark(["t.csv:2"], verdict="wrong", why="seen", audit=audit)
    with pytest.raises(ConfigError, match="there or it is not"):
        apply(audit, wrong_as="other", data=path)


def lists(path):
    frame = pd.read_feather(path) if path.suffix == ".feather" else pa.ipc.open_file(path).read_all().to_pandas()
    return [list(each) for each in frame["labels"]]


@pytest.mark.parametrize("name", ["t.feather", "t.arrow"])
def test_lists_in_arrow_files_keep_their_type(tmp_path, mended, name):
    frame = pa.table({"id": ["a", "b", "c"], "labels": [["u", "v"], ["v"], ["u"]], "x": [1.5, 2.5, 3.5]})
    path = tmp_path / name
    if name == "t.feather":
        feather.write_feather(frame, path)
    else:
        with pa.ipc.new_file(path, frame.schema) as writer:
            writer.write_table(frame)
    (tmp_path / f"new-{name}").write_bytes(mended(path, ["a#u", "b#u"]))
    assert lists(tmp_path / f"new-{name}") == [["v"], ["v", "u"], ["u"]]


def test_cells_of_several_labels_in_a_sheet_change_alone(tmp_path, mended):
    pytest.importorskip("openpyxl", reason="needs openpyxl of the extra sheets")
    path = tmp_path / "t.xlsx"
    pd.DataFrame({"id": ["a", "b", "c"], "labels": ["u; v", "v; u", "u"], "x": [1.5, 2.5, 3.5]}).to_excel(
        path, index=False
    )
    found = pd.read_excel(io.BytesIO(mended(path, ["a#u", "c#v"])), engine="openpyxl")
    assert found["labels"].tolist() == ["v", "v; u", "u; v"]
    assert found["x"].tolist() == [1.5, 2.5, 3.5]


def test_lists_in_one_json_value_change_in_place(tmp_path, mended):
    path = tmp_path / "t.json"
    path.write_text('[{"x": 1, "labels": ["u", "v"]},\n {"x": 2, "labels": ["v"]}, {"x": 3, "labels": []}]')
    after = '[{"x": 1, "labels": ["v"]},\n {"x": 2, "labels": ["v", "u"]}, {"x": 3, "labels": ["u"]}]'
    assert mended(path, ["0#u", "1#u", "2#u"]).decode() == after


@pytest.mark.parametrize(
    ("text", "wrong", "note"),
    [
        (
            "n,labels\n1,x y\n2,y x\n3,x\n4,y\n",
            ["2#x", "3#x"],
            "1 sample without any label now: the cells are left empty",
        ),
        ("n,u,v,w\n5,x,x,\n6,x,,\n7,,x,\n", ["1#u", "2#v"], "2 samples without any label now: the cells are all 0"),
        ("n,labels\n1,x y\n2,y x\n3,x\n4,y\n", ["2#x", "2#y"], ""),
    ],
)
def test_samples_that_lose_their_last_label_are_counted(tmp_path, mended, said, text, wrong, note):
    path = tmp_path / "t.csv"
    path.write_text(text)
    mended(path, wrong, None if "labels" in text else "u,v,w")
    assert [each for each in said if "without any label" in each] == ([note] if note else [])
