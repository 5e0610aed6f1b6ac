"""Applying the truth to a table with wrong labels gives the clean table back, byte for byte."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelaudit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from tests.mended import audited, decide

CLASSES = ("cat", 'a "small" dog', "elk, young")
PLANTED = {3: 1, 7: 2, 11: 0, 16: 0}  # row -> wrong class


def rows(labels, n=18):
    """Return rows of numbers and their labels, the wrong ones planted."""
    true = [labels[i % 3] for i in range(n)]
    noisy = [labels[PLANTED[i]] if i in PLANTED else label for i, label in enumerate(true)]
    assert all(noisy[i] != true[i] for i in PLANTED)
    return [(f"{i}.5", f'note; {i}, "x"', noisy[i]) for i in range(n)], true


def text_of(table, header, **how):
    encoding = how.pop("encoding", "utf-8")
    mark = how.pop("mark", "")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, **how)
    writer.writerows(([header] if header else []) + table)
    return (mark + buffer.getvalue()).encode(encoding)


WAYS: dict[str, dict[str, Any]] = {
    "minimal": {},
    "all quoted, unix": {"quoting": csv.QUOTE_ALL, "lineterminator": "\n"},
    "semicolons, utf-16": {"delimiter": ";", "encoding": "utf-16"},
    "tabs, mac": {"delimiter": "\t", "lineterminator": "\r"},
    "bom": {"mark": "\ufeff", "lineterminator": "\n"},
    "excel": {"mark": "sep=;\r\n", "delimiter": ";"},
    "windows": {"encoding": "windows-1252"},
}


@pytest.mark.parametrize("way", WAYS)
def test_the_truth_gives_the_clean_text_table_back_byte_for_byte(tmp_path, way):
    noisy, true = rows(CLASSES if "windows" not in way else ("kött", "fisk", "sås"))
    clean = [(a, b, label) for (a, b, _), label in zip(noisy, true, strict=True)]
    header = ["x", "note", "label"]
    path = tmp_path / "t.csv"
    path.write_bytes(text_of(noisy, header, **WAYS[way]))
    before = path.read_bytes()
    settings: dict[str, Any] = {"encoding": "windows-1252"} if "windows" in way else {}
    audit, dataset = audited(tmp_path, path, feature_columns="x", **settings)
    for row in PLANTED:
        decide(audit, dataset.sample_ids[row], true[row])
    applied = labelaudit.apply(audit)
    assert applied.output == tmp_path / "t.corrected.csv"
    assert applied.output.read_bytes() == text_of(clean, header, **WAYS[way])
    assert path.read_bytes() == before
    assert len(applied.difference.relabelled) == 4


def test_quotation_marks_that_mean_nothing_and_a_table_without_a_header_stay(tmp_path):
    lines = [f'{i}.5\tthe "{i} of it\tbig' if i % 2 else f"{i}.5\tit is {i}\tsmall" for i in range(12)]
    path = tmp_path / "t.tsv"
    path.write_text("\r\n".join(lines))  # and no end of the last line
    audit, _ = audited(tmp_path, path, label_column="column 3", quoting="none", no_header=True, no_images=True)
    decide(audit, "11", "small")
    decide(audit, "0", "big")
    out = labelaudit.apply(audit).output.read_text()
    lines[11], lines[0] = '11.5\tthe "11 of it\tsmall', "0.5\tit is 0\tbig"
    assert out.splitlines() == lines
    assert not out.endswith("\n")


def test_a_wrong_label_without_the_right_one_is_left_out_or_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "".join(f"{i},{'cat' if i % 2 else 'dog'}\n" for i in range(12)))
    audit, _ = audited(tmp_path, path)
    decide(audit, "3")
    decide(audit, "11")
    lines = path.read_text().splitlines()
    applied = labelaudit.apply(audit)
    assert applied.output.read_text().splitlines() == [line for i, line in enumerate(lines) if i not in (4, 12)]
    named = labelaudit.apply(audit, wrong_as="unknown", output=tmp_path / "n.csv").output.read_text().splitlines()
    assert [line for line in named if line not in lines] == ["3,unknown", "11,unknown"]


def test_decisions_alone_count_unless_confident_suggestions_are_asked_for(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "".join(f"{i},{'cat' if i % 2 else 'dog'}\n" for i in range(12)))
    audit, _ = audited(tmp_path, path, wrong={"1": "dog", "3": "dog", "5": "dog"})
    decide(audit, "3", decision="ok")
    nothing = labelaudit.apply(audit)
    assert (nothing.record, nothing.difference.changes) == (None, ())
    assert not nothing.output.exists()
    assert nothing.difference.undecided == 2
    out = labelaudit.apply(audit, confident=True, label_before=True, reason=True).output
    frame = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert frame["label"].tolist()[:6] == ["dog", "dog", "dog", "cat", "dog", "dog"]
    assert frame["label_before"].tolist()[:6] == ["", "cat", "", "", "", "cat"]
    assert frame["reason"][1].startswith("suggested with probability ")
    assert frame["reason"][0] == ""


def test_the_test_split_is_left_alone_unless_asked(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "x,label,split\n"
        + "".join(f"{i},{'cat' if i % 2 else 'dog'},{'test' if i > 8 else 'train'}\n" for i in range(12))
    )
    audit, _ = audited(tmp_path, path, split="all")
    decide(audit, "1", "dog")
    decide(audit, "11", "dog")
    applied = labelaudit.apply(audit, dry_run=True)
    assert [change.sample_id for change in applied.difference.held_back] == ["11"]
    assert applied.difference.splits == {"train": 1}
    assert not applied.output.exists()
    both = labelaudit.apply(audit, test=True)
    assert both.difference.splits == {"test": 1, "train": 1}
    assert both.output.read_text().splitlines()[12] == "11,dog,test"


def test_what_changed_since_the_audit_is_left_alone_and_told(tmp_path):
    path = tmp_path / "t.csv"
    text = "x,label\n" + "".join(f"{i},{'cat' if i % 2 else 'dog'}\n" for i in range(12))
    path.write_text(text)
    audit, _ = audited(tmp_path, path)
    decide(audit, "1", "dog")
    decide(audit, "3", "dog")
    path.write_text(text.replace("1,cat", "1,fox", 1))
    applied = labelaudit.apply(audit)
    assert [change.sample_id for change in applied.difference.stale] == ["1"]
    assert applied.output.read_text() == path.read_text().replace("3,cat", "3,dog")


def test_nothing_that_apply_did_not_write_is_written_over(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "".join(f"{i},{'cat' if i % 2 else 'dog'}\n" for i in range(12)))
    audit, _ = audited(tmp_path, path)
    decide(audit, "1", "dog")
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"mine.csv exists already, and apply did not write it"):
        labelaudit.apply(audit, output=tmp_path / "mine.csv")
    with pytest.raises(ConfigError, match="is the data itself"):
        labelaudit.apply(audit, output=path)
    out = labelaudit.apply(audit).output
    first = out.read_bytes()
    decide(audit, "3", "dog")
    assert labelaudit.apply(audit).output.read_bytes() != first  # its own, unchanged: replaced
    out.write_text("edited")
    with pytest.raises(ConfigError, match="was changed since apply wrote it"):
        labelaudit.apply(audit)
    with pytest.raises(ConfigError, match="was changed since apply wrote it, and stays"):
        labelaudit.undo(out)
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_undo_removes_the_table_and_its_record(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "".join(f"{i},{'cat' if i % 2 else 'dog'}\n" for i in range(12)))
    audit, _ = audited(tmp_path, path)
    decide(audit, "1", "dog", why="a pug")
    applied = labelaudit.apply(audit)
    assert applied.record is not None
    facts, change = (json.loads(line) for line in applied.record.read_text().splitlines())
    assert facts["audit"] == audit.path.name
    assert {name: change[name] for name in ("sample_id", "before", "after", "by", "reason", "who", "place")} == {
        "sample_id": "1",
        "before": "cat",
        "after": "dog",
        "by": "decision",
        "reason": "a pug",
        "who": "ann",
        "place": "t.csv:3",
    }
    assert labelaudit.undo(applied.output).removed == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".labelaudit", "t.csv"]
    with pytest.raises(ConfigError, match="nothing to undo"):
        labelaudit.undo(applied.output)


def test_a_class_that_the_table_writes_as_a_number_is_written_so(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\nelk\n")
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "".join(f"{i},{i % 2}.0\n" for i in range(12)))
    audit, dataset = audited(tmp_path, path)
    assert dataset.classes == ("cat", "dog")
    decide(audit, "1", "cat")
    assert labelaudit.apply(audit).output.read_text() == path.read_text().replace("1,1.0", "1,0.0", 1)
    decide(audit, "3", "elk")
    with pytest.raises(ConfigError, match="no sample is of class 'elk', so nothing tells how it is written there"):
        labelaudit.apply(audit)


def test_the_one_of_one_hot_columns_moves(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,x,bat,cat,dog\n" + "".join(f"r{i},{i}.5,0,{i % 2},{1 - i % 2}\n" for i in range(12)))
    audit, _ = audited(tmp_path, path)
    decide(audit, "r1", "bat")
    assert labelaudit.apply(audit).output.read_text() == path.read_text().replace("r1,1.5,0,1,0", "r1,1.5,1,0,0")


def test_rows_that_fit_an_array_are_not_left_out(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,label\n" + "".join(f"r{i},{'cat' if i % 2 else 'dog'}\n" for i in range(12)))
    np.save(tmp_path / "e.npy", np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32))
    audit, _ = audited(tmp_path, path, embeddings=str(tmp_path / "e.npy"))
    decide(audit, "r1")
    with pytest.raises(ConfigError, match="the rows of --embeddings would not fit the table any more"):
        labelaudit.apply(audit)
    assert "r1,unknown\n" in labelaudit.apply(audit, wrong_as="unknown").output.read_text()


JSON = {
    "lines": lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
    "array": lambda rows: json.dumps(rows, indent=2),
    "columns": lambda rows: json.dumps({name: [row[name] for row in rows] for name in rows[0]}),
    "by row": lambda rows: json.dumps({f"r{i}": row for i, row in enumerate(rows)}, indent=1),
    "pandas": lambda rows: json.dumps({name: {str(i): row[name] for i, row in enumerate(rows)} for name in rows[0]}),
}


@pytest.mark.parametrize("way", JSON)
def test_the_truth_gives_the_clean_json_back_byte_for_byte(tmp_path, way):
    noisy, true = rows(("räv", "dog", 'a "b"'))
    table = [{"x": float(x), "label": label, "deep": {"label": [1, {"label": 2}]}} for x, _, label in noisy]
    clean = [row | {"label": label} for row, label in zip(table, true, strict=True)]
    if way == "by row":
        table, clean = ([{"x": row["x"], "label": row["label"]} for row in each] for each in (table, clean))
    path = tmp_path / ("t.jsonl" if way == "lines" else "t.json")
    path.write_text(JSON[way](table), encoding="utf-8")
    audit, dataset = audited(tmp_path, path, feature_columns="x")
    for row in PLANTED:
        decide(audit, dataset.sample_ids[row], true[row])
    out = labelaudit.apply(audit).output
    assert out.read_text("utf-8") == JSON[way](clean)
    decide(audit, dataset.sample_ids[0])
    decide(audit, dataset.sample_ids[17])
    left = json.loads(labelaudit.apply(audit).output.read_text("utf-8")) if way != "lines" else None
    if way == "lines":
        assert labelaudit.apply(audit).output.read_text("utf-8") == JSON[way](clean[1:17])
    elif way == "array":
        assert left == clean[1:17]
    elif way == "columns":
        assert left == {name: [row[name] for row in clean[1:17]] for name in clean[0]}


@pytest.mark.parametrize("kind", ["parquet", "feather", "arrow stream"])
def test_a_binary_table_keeps_its_schema_metadata_and_row_groups(tmp_path, kind):
    noisy, true = rows(("cat", "dog", "elk"))
    names = {"cat": 0, "dog": 1, "elk": 2}
    features = {"info": {"features": {"label": {"names": list(names), "_type": "ClassLabel"}}}}
    schema = pa.schema(
        [("x", pa.float32()), ("label", pa.int64()), ("word", pa.dictionary(pa.int8(), pa.string()))],
        metadata={"huggingface": json.dumps(features), "mine": "yes"},
    )

    def table(labels):
        values = {"x": np.arange(18, dtype=np.float32), "label": [names[w] for w in labels], "word": labels}
        return pa.table({k: pa.array(v, schema.field(k).type) for k, v in values.items()}, schema=schema)

    path = tmp_path / f"t.{kind.split()[0]}"
    source = table([label for *_, label in noisy])
    if kind == "parquet":
        pq.write_table(source, path, row_group_size=5, compression="zstd")
    elif kind == "feather":
        source.to_pandas().to_feather(path)
    else:
        with pa.ipc.new_stream(str(path), schema) as writer:
            writer.write_table(source, max_chunksize=5)
    source = pq.read_table(path) if kind == "parquet" else source  # older pyarrow knows int32 for numbers of words only
    audit, dataset = audited(tmp_path, path, label_column="label", feature_columns="x")
    for row in PLANTED:
        decide(audit, dataset.sample_ids[row], true[row] if kind != "feather" else str(names[true[row]]))
    out = labelaudit.apply(audit).output
    assert read_dataset(out, DataSettings(label_column="label", feature_columns="x")).classes == dataset.classes
    if kind == "feather":
        assert pd.read_feather(out)["label"].tolist() == [names[label] for label in true]
        return
    back = pq.read_table(out) if kind == "parquet" else pa.ipc.open_stream(pa.OSFile(str(out))).read_all()
    assert back.column("label").to_pylist() == [names[label] for label in true]
    assert back.drop_columns(["label"]).equals(source.drop_columns(["label"]))
    assert back.schema.equals(source.schema, check_metadata=True)
    assert back.schema.metadata[b"huggingface"]
    if kind == "parquet":
        facts = pq.ParquetFile(out).metadata
        assert (facts.num_row_groups, facts.row_group(0).column(0).compression) == (4, "ZSTD")


def test_a_sheet_keeps_its_formats(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["x", "label", "note"])
    for i in range(12):
        sheet.append([i + 0.5, "cat" if i % 2 else "dog", "=1+1"])
    sheet["B3"].font = openpyxl.styles.Font(bold=True)
    book.create_sheet("more")["A1"] = "kept"
    book.save(tmp_path / "t.xlsx")
    audit, _ = audited(tmp_path, tmp_path / "t.xlsx", feature_columns="x", label_column="label")
    decide(audit, "1", "dog")
    decide(audit, "0")
    back = openpyxl.load_workbook(labelaudit.apply(audit, label_before=True).output)
    cells = list(back.worksheets[0].iter_rows(values_only=True))
    assert cells[:3] == [
        ("x", "label", "note", "label_before"),
        (1.5, "dog", "=1+1", "cat"),
        (2.5, "dog", "=1+1", None),
    ]
    assert len(cells) == 12
    assert back["more"]["A1"].value == "kept"


def test_arrays_keep_their_kinds(tmp_path):
    x = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float16)
    y = np.arange(12, dtype=np.uint8)[:, None] % 2
    np.savez(tmp_path / "t.npz", x_train=x, y_train=y, x_test=x[:4], y_test=y[:4])
    audit, _ = audited(tmp_path, tmp_path / "t.npz")
    decide(audit, "1", "0")
    back = np.load(labelaudit.apply(audit).output)
    assert back["y_train"].ravel().tolist() == [0, 0, 0, *([1, 0] * 4), 1]
    assert (back["y_train"].dtype, back["y_train"].shape) == (np.dtype(np.uint8), (12, 1))
    assert all(
        np.array_equal(back[name], array) for name, array in (("x_train", x), ("x_test", x[:4]), ("y_test", y[:4]))
    )


def test_an_encoding_without_the_letter_is_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "".join(f"{i},{'cät' if i % 2 else 'dog'}\n" for i in range(12)), "latin-1")
    audit, _ = audited(tmp_path, path, encoding="latin-1")
    decide(audit, "1", "猫")
    with pytest.raises(DataError, match="'猫' cannot be written in latin-1"):
        labelaudit.apply(audit)
