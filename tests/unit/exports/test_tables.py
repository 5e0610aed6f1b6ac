import io
import json

import numpy as np
import pandas as pd
import pytest

from labelaudit.core.findings import read_findings, write_findings
from labelaudit.exports.tables import render_table, select, write_table
from tests.pets import small_dataset, small_findings


def text_of(frame, fmt, raw=False):
    text = render_table(frame, fmt, raw=raw)
    assert isinstance(text, str)
    return io.StringIO(text, newline="")


TEXT_COLUMNS = ["sample_id", "path", "content_hash", "given_label", "suggested_label", "action", "issue", "detail"]


def test_suspects_are_ranked_and_clean_rows_keep_their_order():
    frame = small_findings(action=["keep", "relabel", "keep", "drop"])
    assert list(select(frame, "suspect")["sample_id"]) == ["b.png", "d.png", "blank.png", "torn.png"]
    assert list(select(frame, "clean")["sample_id"]) == ["a.png", "c.png"]
    assert len(select(frame, "all")) == 6


def test_the_corrected_table_relabels_keeps_and_drops():
    frame = small_findings(action=["keep", "relabel", "review", "drop"])
    table = select(frame, "relabelled")
    assert list(table.columns) == ["sample_id", "path", "label", "given_label", "changed", "clean_prob"]
    assert list(table["sample_id"]) == ["a.png", "b.png", "c.png", "blank.png"]
    assert list(table["label"].fillna("?")) == ["cat", "cat", "dog", "?"]
    assert list(table["given_label"].fillna("?")) == ["cat", "dog", "dog", "?"]
    assert list(table["changed"]) == [False, True, False, False]


@pytest.mark.parametrize(("fmt", "separator"), [("csv", ","), ("tsv", "\t")])
def test_delimited_text_reads_back_as_the_same_table(fmt, separator):
    frame = small_findings(detail=["plain", 'says "no", twice', "two\nlines", "lone\rreturn\tand tab"])
    back = pd.read_csv(text_of(frame, fmt, raw=True), sep=separator)
    expected = frame.drop(columns=["top_labels", "top_probs"])
    assert list(back.columns) == list(expected.columns)
    for column in expected.columns:
        if column in TEXT_COLUMNS:
            assert back[column].fillna("").tolist() == expected[column].fillna("").tolist(), column
        else:
            np.testing.assert_allclose(back[column].astype(float), expected[column].astype(float), rtol=1e-5)


def test_numbers_in_text_have_six_significant_digits():
    frame = small_findings(clean_prob=[0.123456789, 0.1, 1e-7, 1.0])
    cells = pd.read_csv(text_of(frame, "csv"), dtype=str)["clean_prob"]
    assert cells[:4].tolist() == ["0.123457", "0.1", "1e-07", "1"]
    rows = json.loads(render_table(frame, "json"))
    assert [row["clean_prob"] for row in rows[:4]] == [0.123457, 0.1, 1e-07, 1.0]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\tx", "\rx", "＝1"])
@pytest.mark.parametrize(("fmt", "separator"), [("csv", ","), ("tsv", "\t")])
def test_cells_that_a_spreadsheet_would_run_get_a_quote_in_front(cell, fmt, separator):
    frame = small_findings(detail=[cell, "a=b", "", ""])
    safe = pd.read_csv(text_of(frame, fmt), sep=separator)["detail"]
    assert safe[:2].tolist() == ["'" + cell, "a=b"]
    raw = pd.read_csv(text_of(frame, fmt, raw=True), sep=separator)["detail"]
    assert raw[0] == cell


def test_ids_and_class_names_are_made_harmless_too_and_numbers_are_not_touched():
    frame = small_findings(small_dataset(ids=("-a.png", "b.png", "c.png", "d.png"), classes=("=cat", "dog", "elk")))
    first = pd.read_csv(text_of(frame, "csv")).iloc[0]
    assert (first["sample_id"], first["path"], first["given_label"]) == ("'-a.png", "'-a.png", "'=cat")
    assert first["loss"] == 0.1


@pytest.mark.parametrize("fmt", ["json", "jsonl"])
def test_json_has_every_column_with_null_for_what_is_missing(fmt):
    frame = small_findings(detail=["=1", "", "naïve ☃", ""])
    text = text_of(frame, fmt).getvalue()
    rows = json.loads(text) if fmt == "json" else [json.loads(line) for line in text.splitlines()]
    assert list(rows[0]) == list(frame.columns)
    assert len(rows) == 6
    assert rows[0]["suggested_label"] is None
    assert rows[0]["detail"] == "=1"
    assert rows[3]["top_labels"] == ["elk", "cat", "dog"]
    assert rows[3]["top_probs"] == [0.8, 0.1, 0.1]
    assert rows[4]["clean_prob"] is None
    assert rows[4]["top_probs"] == []
    assert rows[0]["trusted"] is True
    assert "naïve ☃" in text


def test_parquet_keeps_types_and_values(tmp_path):
    frame = small_findings()
    write_table(select(frame, "all"), tmp_path / "all.parquet", "parquet")
    pd.testing.assert_frame_equal(read_findings(tmp_path / "all.parquet"), frame)
    write_table(select(frame, "relabelled"), tmp_path / "relabelled.parquet", "parquet")
    back = pd.read_parquet(tmp_path / "relabelled.parquet")
    assert back["label"].fillna("?").tolist() == ["cat", "cat", "dog", "elk", "?"]
    assert back["clean_prob"].dtype == "float32"


@pytest.mark.parametrize("fmt", ["csv", "tsv", "parquet", "jsonl", "json"])
@pytest.mark.parametrize("what", ["suspect", "clean", "relabelled", "all"])
def test_the_same_findings_give_the_same_bytes(tmp_path, what, fmt):
    frame = small_findings()
    write_findings(frame, tmp_path / "findings.parquet")
    write_table(select(frame, what), tmp_path / "one", fmt)
    write_table(select(read_findings(tmp_path / "findings.parquet"), what), tmp_path / "two", fmt)
    data = (tmp_path / "one").read_bytes()
    assert len(data) > 30
    assert (tmp_path / "two").read_bytes() == data


@pytest.mark.parametrize(
    ("fmt", "expected"),
    [("csv", "sample_id,path,label,given_label,changed,clean_prob\n"), ("jsonl", ""), ("json", "[]\n")],
)
def test_a_table_without_rows_is_still_a_table(fmt, expected):
    assert render_table(select(small_findings()[:0], "relabelled"), fmt) == expected


def test_the_whole_csv_of_a_corrected_table():
    table = select(small_findings(), "relabelled")
    assert render_table(table, "csv") == (
        "sample_id,path,label,given_label,changed,clean_prob\n"
        "a.png,a.png,cat,cat,False,0.9\n"
        "b.png,b.png,cat,dog,True,0.1\n"
        "c.png,c.png,dog,dog,False,0.3\n"
        "d.png,d.png,elk,cat,True,0.1\n"
        "blank.png,blank.png,,,False,\n"
    )


def test_labels_kept_as_relabel_to_the_same_name_do_not_count_as_changed():
    table = select(small_findings(suggested=[-1, 1, 2, 2]), "relabelled")
    assert table["changed"].tolist() == [False, False, False, True, False]
