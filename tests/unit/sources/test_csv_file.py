"""Text tables: encodings, delimiters, quotation marks and headers; no row is lost without a word."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.csv_file import read_delimited


def read(text, name="table.csv", **options):
    data = text if isinstance(text, bytes) else text.encode()
    return read_delimited(Path(name), data, DataSettings(**options))


def texts(found):
    return [remark.text for remark in found.remarks]


def test_excels_unicode_text_is_read_by_its_byte_order_mark():
    for encoding in ("utf-16", "utf-8-sig", "utf-32"):
        found = read("name\tlabel\r\nSkåne\tä\r\n".encode(encoding))
        assert found.columns == {"name": ["Skåne"], "label": ["ä"]}
        assert found.lines == [2]


def test_an_encoding_can_be_named_and_an_unknown_one_is_an_error():
    data = "name,label\ncafé,x\n".encode("cp1252")
    assert read(data, encoding="windows-1252").columns["name"] == ["café"]
    with pytest.raises(DataError, match=r"table\.csv:2: byte 0xe9 is not UTF-8\.\n.*--encoding windows-1252"):
        read(data)
    with pytest.raises(ConfigError, match=r"--encoding 'latin-seven' is not known"):
        read(data, encoding="latin-seven")
    with pytest.raises(DataError, match=r"holds zero bytes: it is UTF-16.*\n.*--encoding utf-16-le"):
        read("name,label\na,b\n".encode("utf-16-le"))


def test_the_separator_line_of_excel_is_no_row():
    found = read("sep=;\na;b\n1;2\n")
    assert (found.columns, found.lines) == ({"a": ["1"], "b": ["2"]}, [3])


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("depth, m;kind\n1,5;x\n2,5;y\n", ";"),
        ("depth, m;speed;kind\n1,5;2;x\n2,5;3;y\n", ";"),
        ("a|b\nx, y|2\n", "|"),
        ("a,b\nx;y,2\n", ","),
        ("a;b\tc\n1;2\t3\n", "\t"),
        ('a,b\n"x;y;z",2\n', ","),
    ],
)
def test_the_delimiter_is_the_one_that_fits_every_line(text, delimiter):
    assert read(text).delimiter == delimiter


def test_a_delimiter_can_be_named():
    assert read("a:b\n1:2\n", delimiter=":").columns == {"a": ["1"], "b": ["2"]}
    assert read("a\tb,c\n1\t2\n", delimiter="tab").columns == {"a": ["1"], "b,c": ["2"]}
    with pytest.raises(DataError, match=r"1 rows do not have the 3 fields .* by semicolons.*\n.*--delimiter"):
        read("a;b;c\n1;2\n")


def test_quotation_marks_over_two_lines_of_whole_rows_lose_no_row_of_a_tsv():
    text = 'words\tkind\n"so it\ta\nbegan."\tb\nplain\ta\n'
    found = read(text, "t.tsv")
    assert found.columns["words"] == ['"so it', 'began."', "plain"]
    assert "1 rows would be lost if quotation marks joined lines" in texts(found)[0]
    assert read(text, "t.tsv", quoting="standard").columns["words"] == ["so it\ta\nbegan.", "plain"]


def test_quotation_marks_over_two_lines_of_whole_rows_are_refused_where_commas_separate():
    text = 'words,kind\n"so it,a\nbegan.",b\nplain,a\n'
    with pytest.raises(DataError, match=r"2 or 3 rows\.\n.*--quoting standard.*--quoting none"):
        read(text)
    assert read(text, quoting="none").columns["kind"] == ["a", "b", "a"]
    assert read(text, quoting="standard").columns["kind"] == ["b", "a"]


def test_an_open_quotation_mark_is_a_character_in_a_tsv_and_refused_in_a_csv():
    found = read('words\tkind\n"so\ta\nplain\tb\n', "t.tsv")
    assert found.columns["words"] == ['"so', "plain"]
    assert "quotation marks do not match" in texts(found)[0]
    with pytest.raises(DataError, match=r"table\.csv:2: unexpected end of data\.\n.*--quoting none"):
        read('words,kind\n"so,a\nplain,b\n')


def test_line_breaks_in_cells_are_told():
    found = read('words,kind\n"a\nb",x\nc,y\n')
    assert found.columns["words"] == ["a\nb", "c"]
    assert texts(found) == ["Rows with line breaks in quoted cells: 1 (line 2)."]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("img/a 1.jpg 0\nimg/b.jpg 1\n", ["img/a 1.jpg", "0"]),
        ("0 img/a.jpg\n1 img/b.jpg\n", ["0", "img/a.jpg"]),
        ("a.png,cat\nb.png,dog\nc.png,cat\n", ["a.png", "cat"]),
        ("1,-0.5\n2,0.5\n", ["1", "-0.5"]),
    ],
)
def test_a_first_line_of_data_is_no_header(text, first):
    found = read(text, "list.txt")
    assert [column[0] for column in found.columns.values()] == first
    assert list(found.columns) == ["column 1", "column 2"]
    assert found.lines[0] == 1
    assert "is data, not a header" in texts(found)[0]


@pytest.mark.parametrize("text", ["0,1,2\n5,6,7\n", ",0,1\n0,5,6\n", "label,1x1\n5,0\n", "a,b\nc,d\n"])
def test_a_header_stays_one(text):
    assert "column 1" not in read(text).columns


def test_a_header_can_be_denied():
    assert read("a,b\nc,d\n", no_header=True).columns == {"column 1": ["a", "c"], "column 2": ["b", "d"]}


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=8)  # utf-8: no surrogates
AWKWARD = st.sampled_from(
    ['"', '""', 'a"b', "a\nb", "a\r\nb", "x,y", "x;y", "x\ty", "1,5", " a ", "NA", "None", "", "'"]
)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(AWKWARD | CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)


@settings(max_examples=200, deadline=None)
@given(
    rows=TABLES,
    separator=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_pandas_writes_is_read_as_pandas_reads_it_or_refused_or_told(rows, separator, quoting, encoding, line_end):
    assume(not any("\r" in cell and not cell.strip() for row in rows for cell in row))  # pandas encloses no bare \r
    frame = pd.DataFrame(rows, columns=[f"name{i}" for i in range(len(rows[0]))])
    stream = io.BytesIO()
    frame.to_csv(stream, sep=separator, quoting=quoting, encoding=encoding, lineterminator=line_end, index=False)
    try:
        found = read(stream.getvalue(), "t.tsv" if separator == "\t" else "t.csv")
    except DataError:
        return
    again = pd.read_csv(
        io.BytesIO(stream.getvalue()),
        sep=separator, encoding=encoding, dtype=str, keep_default_na=False, skip_blank_lines=False,
    )  # fmt: skip
    expected = {name: [cell or None for cell in again[name]] for name in again.columns}
    if found.columns != expected:
        assert any("quotation marks" in text for text in texts(found))
        assert len(found.lines) >= len(again)
