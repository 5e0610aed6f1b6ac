"""Tables of samples with several labels are written back as their owners wrote them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.exports.label_sets import relabelled_table

NAMES = ("rust", "scab", "spot")
WRONG = {"0#rust", "1#spot", "2#scab"}  # goes, comes, comes


def relabelled(path, text, fmt=None):
    path.write_text(text)
    return relabelled_table(path, DataSettings(), WRONG, names=NAMES, fmt=fmt or path.suffix[1:]).decode()


def test_cells_keep_their_order_and_what_stands_between_the_labels(tmp_path):
    text = 'x,labels,note\n1,"scab, rust",a\n2,"rust, scab",b\n3,spot,c\n4,"spot, scab",\n'
    assert relabelled(tmp_path / "t.csv", text) == (
        'x,labels,note\n1,scab,a\n2,"rust, scab, spot",b\n3,"spot, scab",c\n4,"spot, scab",\n'
    )


def test_columns_keep_their_way_of_saying_yes_and_no(tmp_path):
    text = "text;rust;scab;spot\nthe first of all leaves;True;True;False\n"
    text += "the next of all leaves;True;False;False\nthe last of all leaves;False;False;True\n"
    found = relabelled(tmp_path / "t.csv", text).splitlines()
    assert [line.split(";")[1:] for line in found[1:]] == [
        ["False", "True", "False"],
        ["True", "False", "True"],
        ["False", "True", "True"],
    ]


def test_lists_stay_lists_in_json_lines_and_parquet(tmp_path):
    lists = [["scab", "rust"], ["rust"], ["spot"]]
    after = [["scab"], ["rust", "spot"], ["spot", "scab"]]
    text = "".join(json.dumps({"x": n, "labels": each}) + "\n" for n, each in enumerate(lists))
    found = relabelled(tmp_path / "t.jsonl", text)
    assert [json.loads(line) for line in found.splitlines()] == [{"x": n, "labels": e} for n, e in enumerate(after)]
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": [1.0, 2.0, 3.0], "labels": lists}), path)
    (tmp_path / "out.parquet").write_bytes(relabelled_table(path, DataSettings(), WRONG, names=NAMES, fmt="parquet"))
    assert pq.read_table(tmp_path / "out.parquet").to_pydict() == {"x": [1.0, 2.0, 3.0], "labels": after}


def test_another_kind_of_file_is_refused_with_the_right_name(tmp_path):
    with pytest.raises(ConfigError, match=r"are not written as parquet\.\nWrite relabelled\.csv\."):
        relabelled(tmp_path / "t.csv", 'x,labels\n1,"scab,rust"\n2,"rust,scab"\n', fmt="parquet")


@pytest.mark.parametrize("text", ['x,labels\n1,"rust, scab"\n2,"scab, rust"\n', "x,label\n1,rust\n2,scab\n"])
def test_a_table_with_other_labels_by_now_is_refused(tmp_path, text):
    with pytest.raises(DataError, match="its labels are not those that were audited"):
        relabelled(tmp_path / "t.csv", text)
