"""The places of cells in a text table are those that the csv module sees, and only what is changed changes."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from labelaudit.mending.delimited import decoded, text_table
from labelaudit.mending.json_spans import node_of, removals
from labelaudit.mending.spans import Edit, edited

cells = st.text(st.sampled_from("ab ,;\t\"'|\r\nä猫=0"), max_size=6)
ways = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t|"),
        "quoting": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
        "lineterminator": st.sampled_from(["\n", "\r\n", "\r"]),
    }
)


def written(rows, way):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, **way).writerows(rows)
    return buffer.getvalue()


@given(
    rows=st.lists(st.tuples(cells, cells, st.sampled_from(["cat", "d,o;g", 'e "l" k'])), min_size=1, max_size=6),
    way=ways,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    other=st.sampled_from(["cat", "d,o;g", 'e "l" k']),
    place=st.integers(0, 5),
)
def test_a_changed_cell_is_as_the_csv_module_would_write_it(rows, way, encoding, other, place):
    lone = "\r\n" if way["lineterminator"] == "\r" else "\r"  # before Python 3.13 the csv module leaves these unquoted
    clean = [tuple("".join(letter for letter in cell if letter not in lone) for cell in row) for row in rows]
    rows = [("x1", "x2", "label"), *clean]
    data = written(rows, way).encode(encoding)
    read = list(zip(*rows[1:], strict=True))
    columns = {
        name: pa.chunked_array([pa.array([cell or None for cell in column], pa.string())])
        for name, column in zip(rows[0], read, strict=True)
    }
    reader = csv.reader(io.StringIO(written(rows, way), newline=""), delimiter=way["delimiter"])
    ends = [reader.line_num for _ in reader]
    lines = [end + 1 for end in ends[:-1]]
    table = text_table(decoded(data, None if encoding != "utf-16" else encoding), way["delimiter"], columns, lines)
    assert table is not None
    assert [[table.value(table.raw(row, at)) for at in range(3)] for row in range(len(table.starts))] == [
        list(row) for row in rows[1:]
    ]
    assert table.with_edits([]) == data
    row = place % len(table.starts)
    cell = table.written(other)
    if way["quoting"] != csv.QUOTE_MINIMAL and not cell.startswith('"'):
        cell = f'"{cell}"'
    changed = [list(each) for each in rows]
    changed[row + 1][2] = other
    assert table.with_edits([Edit(*table.span(row, 2), cell)]) == written(changed, way).encode(encoding)
    assert table.with_edits([table.removal(row)]) == written(rows[: row + 1] + rows[row + 2 :], way).encode(encoding)


@given(st.lists(st.integers(0, 9), max_size=8), st.sets(st.integers(0, 7)))
def test_removing_items_of_an_array_leaves_the_others(items, gone):

    for indent in (None, 1):
        text = json.dumps(items, indent=indent)
        left = edited(text, removals(node_of(text, depth=1), gone & set(range(len(items)))))
        assert json.loads(left) == [item for place, item in enumerate(items) if place not in gone]
    named = {f"k{place}": item for place, item in enumerate(items)}
    text = json.dumps(named)
    left = edited(text, removals(node_of(text, depth=1), gone & set(range(len(items)))))
    assert json.loads(left) == {f"k{place}": item for place, item in enumerate(items) if place not in gone}
