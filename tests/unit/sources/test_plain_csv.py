"""Large plain tables are read by Arrow exactly as cell by cell, or left to that."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources import plain_csv
from labelaudit.sources.csv_file import read_delimited

CELL = st.text(alphabet="ab1.-# \t'é;,", max_size=4) | st.sampled_from(["NA", "nan", "null", "1e5", " x ", "0012", '"'])


def outcome(text, smallest):
    """Return the columns, lines and remarks, or what is wrong."""
    with mock.patch.object(plain_csv, "SMALLEST", smallest):
        try:
            found = read_delimited(Path("t.csv"), text.encode(), DataSettings())
        except DataError as error:
            return error.problem
    columns = {name: cells if isinstance(cells, list) else cells.to_pylist() for name, cells in found.columns.items()}
    return columns, found.lines, [remark.text for remark in found.remarks]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(CELL, min_size=2, max_size=3), min_size=1, max_size=6),
    delimiter=st.sampled_from([",", ";", "\t"]),
    end=st.sampled_from(["\n", "\r\n", "\n\n", "\r"]),
    last=st.booleans(),
)
def test_a_plain_table_is_read_alike_by_both(rows, delimiter, end, last):
    lines = [delimiter.join(cell.replace(delimiter, "") for cell in row) for row in rows]
    text = end.join([f"x{delimiter}label", *lines]) + (end if last else "")
    assert outcome(text, 0) == outcome(text, 10**9)


def test_a_large_table_takes_the_fast_way():
    text = "x,label\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(300))
    with mock.patch.object(plain_csv, "SMALLEST", 0):
        found = read_delimited(Path("t.csv"), text.encode(), DataSettings())
    assert not isinstance(found.columns["x"], list)
    assert (found.lines[0], found.lines[-1], len(found.lines)) == (2, 301, 300)


@pytest.mark.parametrize(
    "text",
    [
        'x,label\n1,"a\nb"\n',  # quotation marks
        "x,label\n1,a\n\n2,b\n",  # an empty line
        "1,a\n2,b\n1,a\n2,b\n",  # no header
        "My title,,\nx,y,label\n1,2,a\n",
        "x,label\n1,a,3\n",  # another length
        "label\na\nb\n",  # one column
    ],
)
def test_what_is_not_plain_is_left_to_the_other_way(text):
    with mock.patch.object(plain_csv, "SMALLEST", 0):
        assert plain_csv.read_plain(text, ",", quoting="auto") is None
