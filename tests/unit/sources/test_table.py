"""Tables of images by path: columns, paths, labels, splits, and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset


def table(root, text, *files, name="labels.csv"):
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    source = root / name
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    return source


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def labels(dataset):
    return [dataset.classes[label] for label in dataset.given]


def remarks(dataset):
    return [remark.text for remark in dataset.remarks]


def test_paths_and_labels_are_found_by_their_usual_names(tmp_path):
    source = table(tmp_path, "File Name,LABEL,note\nimg/a.jpg,dog,x\nimg/b.jpg,cat,y\n", "img/a.jpg", "img/b.jpg")
    dataset = read(source)
    assert dataset.sample_ids == ("img/a.jpg", "img/b.jpg")
    assert dataset.content.files == (tmp_path / "img/a.jpg", tmp_path / "img/b.jpg")
    assert labels(dataset) == ["dog", "cat"]
    assert remarks(dataset) == ["labels.csv: labels from column 'LABEL', paths from 'File Name'."]


def test_na_none_and_null_are_class_names_and_empty_cells_and_nan_are_missing(tmp_path):
    rows = ["NA", "None", "null", "", "  ", "nan"]
    text = "path,label\n" + "".join(f"{i}.jpg,{label}\n" for i, label in enumerate(rows))
    dataset = read(table(tmp_path, text, *(f"{i}.jpg" for i in range(6))))
    assert labels(dataset) == ["NA", "None", "null"]
    assert [(row.sample_id, row.issue, row.given_label) for row in dataset.set_aside] == [
        ("3.jpg", "missing-label", None),
        ("4.jpg", "missing-label", None),
        ("5.jpg", "missing-label", None),
    ]
    assert dataset.set_aside[2].detail == "labels.csv:7: column 'label' says 'nan'"
    assert "missing: 'nan' (1); --labels-as-written keeps them." in remarks(dataset)[-1]
    assert "nan" in read(tmp_path / "labels.csv", labels_as_written=True).classes
    assert dataset.set_aside[0].detail == "labels.csv:5: column 'label' is empty"


def test_a_byte_order_mark_and_semicolons_are_understood(tmp_path):
    source = table(tmp_path, b"\xef\xbb\xbfpath;label\na.jpg;cat, tabby\nb.jpg;dog\n", "a.jpg", "b.jpg")
    assert labels(read(source)) == ["cat, tabby", "dog"]
    tabs = table(tmp_path, "path\tlabel\na.jpg\tcat\nb.jpg\tdog\n", name="labels.tsv")
    assert labels(read(tabs)) == ["cat", "dog"]


def test_other_encodings_are_refused_with_their_line(tmp_path):
    source = table(tmp_path, "path,label\na.jpg,caf\u00e9\n".encode("latin-1"), "a.jpg")
    with pytest.raises(
        DataError, match=r"labels\.csv:2: byte 0xe9 is not UTF-8\.\nSave the table as UTF-8.*--encoding windows-1252"
    ):
        read(source)


def test_ragged_rows_are_collected_with_their_lines(tmp_path):
    source = table(tmp_path, 'path,label\n"a\nb.jpg",cat\nc.jpg,cat,dog\nd.jpg\n')
    with pytest.raises(
        DataError,
        match=r"2 rows do not have the 2 fields of the header, separated by commas: line 4 has 3, line 5 has 1\.",
    ):
        read(source)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"the table is empty\.\nIts first line names the columns"),
        ("path,label\n", r"labels\.csv: the table has no rows\."),
        ("path,label,label\na,b,c\n", r"the header names a column twice: 'label'\."),
        ('path,label\na,"b\n', r"labels\.csv:2: unexpected end of data\.\nIs a quotation mark left open"),
        ("a,b,c\n1,2,3\n", r"no column looks like the labels; columns: a, b, c\.\nName it with --label-column"),
        ("path,label\na.jpg,\n", r"column 'label' has no label in any of the 1 rows"),
    ],
)
def test_tables_that_cannot_be_used_say_why(tmp_path, text, message):
    with pytest.raises((DataError, ConfigError), match=message):
        read(table(tmp_path, text))


def test_an_unknown_column_names_those_there_are(tmp_path):
    source = table(tmp_path, "path,breed\na.jpg,pug\n", "a.jpg")
    with pytest.raises(ConfigError, match=r"--label-column 'bread': .* columns: path, breed\.\nDid you mean 'breed'\?"):
        read(source, label_column="bread")
    with pytest.raises(ConfigError, match=r"--path-column 'x': there is no such column"):
        read(source, path_column="x")
    with pytest.raises(ConfigError, match=r"--id-column 'y': there is no such column"):
        read(source, id_column="y")
    assert labels(read(source)) == ["pug"]  # the only column left


def test_two_label_columns_are_chosen_between_aloud(tmp_path):
    source = table(tmp_path, "path,class,label\na.jpg,1,cat\nb.jpg,2,dog\n", "a.jpg", "b.jpg")
    dataset = read(source)
    assert labels(dataset) == ["cat", "dog"]
    assert "Labels are from column 'label', not 'class'; --label-column changes it." in remarks(dataset)
    assert labels(read(source, label_column="class")) == ["1", "2"]


def test_whole_floats_are_labels_without_a_point(tmp_path):
    source = table(tmp_path, "path,label\na.jpg,10.0\nb.jpg,9.0\nc.jpg,\n", "a.jpg", "b.jpg", "c.jpg")
    assert read(source).classes == ("9", "10")


def test_paths_may_be_absolute_below_a_root_at_home_or_from_windows(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    text = f"path,label\n{tmp_path}/abs/a.jpg,x\nin\\b.jpg,y\n~/c.jpg,x\n"
    source = table(tmp_path, text, "abs/a.jpg", "root/in/b.jpg", "home/c.jpg")
    dataset = read(source, image_root=str(tmp_path / "root"))
    assert dataset.set_aside == ()
    assert dataset.content.files[1] == tmp_path / "root/in/b.jpg"
    assert dataset.sample_ids[1] == "in/b.jpg"
    with pytest.raises(ConfigError, match=r"--image-root \S+/rot does not exist\.\nDid you mean 'root'\?"):
        read(source, image_root=str(tmp_path / "rot"))


def test_a_missing_file_is_put_aside_with_its_line(tmp_path):
    dataset = read(table(tmp_path, "path,label\na.jpg,x\n\nb.jpg,y\nc.jpg,z\n,z\n", "a.jpg", "c.jpg"))
    assert dataset.sample_ids == ("a.jpg", "c.jpg")
    assert dataset.classes == ("x", "z")
    first, second = dataset.set_aside
    assert (first.issue, first.given_label, first.path) == ("missing-file", "y", "b.jpg")
    assert first.detail == f"labels.csv:4: there is no file {tmp_path}/b.jpg"
    assert second.detail == "labels.csv:6: no path given"


def test_when_every_file_is_missing_three_tries_are_shown(tmp_path):
    source = table(tmp_path, "path,label\n" + "".join(f"{i}.jpg,x\n" for i in range(5)))
    with pytest.raises(
        DataError, match=r"none of its 5 images exist below (\S+); tried \1/0.jpg; \1/1.jpg; \1/2.jpg\."
    ) as e:
        read(source)
    assert "--image-root" in (e.value.hint or "")
    assert "--path-template 'images/{path}'" in (e.value.hint or "")
    assert "--replace-prefix OLD=NEW" in (e.value.hint or "")


def test_a_template_that_fits_every_row_is_found(tmp_path):
    source = table(tmp_path, "image_id,label\n001,x\n002,y\n", "data/img/001.JPG", "data/img/002.JPG", "other/001.JPG")
    dataset = read(source)
    assert dataset.sample_ids == ("001", "002")
    assert dataset.paths == ("data/img/001.JPG", "data/img/002.JPG")
    assert f"All images were found by --path-template 'data/img/{{image_id}}.JPG' in {tmp_path}." in remarks(dataset)


def test_two_templates_that_fit_are_not_chosen_between(tmp_path):
    source = table(tmp_path, "image,label\n1,x\n2,y\n", "a/1.jpg", "a/2.jpg", "b/1.png", "b/2.png")
    with pytest.raises(
        DataError, match=r"Several templates fit; pick one: .* 'a/\{image\}\.jpg' or 'b/\{image\}\.png'"
    ):
        read(source)
    assert read(source, path_template="b/{image}.png").content.files[0] == tmp_path / "b/1.png"


def test_a_template_may_use_any_column(tmp_path):
    source = table(tmp_path, "nr,fold,label\n1,f1,x\n1,f2,y\n", "f1/1.jpg", "f2/1.jpg")
    dataset = read(source, path_template="{fold}/{nr}.jpg")
    assert dataset.sample_ids == ("f1/1.jpg", "f2/1.jpg")
    with pytest.raises(
        ConfigError, match=r"there is no column 'fol'; columns: nr, fold, label\.\nDid you mean 'fold'\?"
    ):
        read(source, path_template="{fol}/{nr}.jpg")
    with pytest.raises(ConfigError, match=r"'x\.jpg' names no column"):
        read(source, path_template="x.jpg")
    with pytest.raises(ConfigError, match=r"--path-template '\{nr': expected '}'"):
        read(source, path_template="{nr")


def test_a_path_listed_twice_keeps_both_rows(tmp_path):
    dataset = read(table(tmp_path, "path,label\na.jpg,x\na.jpg,y\nb.jpg,x\na.jpg,x\n", "a.jpg", "b.jpg"))
    assert dataset.sample_ids == ("a.jpg", "a.jpg#2", "b.jpg", "a.jpg#3")
    assert "Paths that are listed more than once: 1 (a.jpg (3 times))." in remarks(dataset)


def test_an_id_column_names_the_samples_and_must_be_unique(tmp_path):
    source = table(tmp_path, "id,path,label\nk1,a.jpg,x\nk2,b.jpg,y\n", "a.jpg", "b.jpg")
    assert read(source).sample_ids == ("k1", "k2")
    twice = table(tmp_path, "id,path,label\nk1,a.jpg,x\nk1,b.jpg,y\n")
    with pytest.raises(DataError, match=r"1 sample ids occur more than once: 'k1'\."):
        read(twice, id_column="id")
    dataset = read(twice)
    assert dataset.sample_ids == ("a.jpg", "b.jpg")
    assert "Column 'id' repeats 1 ids, so the path is the id of a row; --id-column names another." in remarks(dataset)
    empty = table(tmp_path, "id,path,label\nk1,a.jpg,x\n,b.jpg,y\n")
    with pytest.raises(DataError, match=r"id column 'id' is empty in 1 rows: labels\.csv:3\."):
        read(empty, id_column="id")
    assert "Column 'id' is empty in 1 rows, so the path is the id" in remarks(read(empty))[1]


def test_a_split_column_is_followed(tmp_path):
    text = "path,label,split\na.jpg,x,train\nb.jpg,y,train\nc.jpg,z,valid\n"
    source = table(tmp_path, text, "a.jpg", "b.jpg", "c.jpg")
    dataset = read(source)
    assert (dataset.split, dataset.sample_ids, dataset.classes) == ("train", ("a.jpg", "b.jpg"), ("x", "y"))
    assert "Reading split train; not valid (--split picks another, or all)." in remarks(dataset)
    assert read(source, split="val").sample_ids == ("c.jpg",)
    assert len(read(source, split="all")) == 3
    with pytest.raises(ConfigError, match=r"there is no split 'test'; splits here: train, valid\."):
        read(source, split="test")
    with pytest.raises(ConfigError, match=r"no split 'test': the table has no column 'split'"):
        read(table(tmp_path, "path,label\na.jpg,x\n"), split="test")


def test_trusted_labels_are_marked(tmp_path):
    text = "path,label,trusted\n0.jpg,,\na.jpg,x,TRUE\nb.jpg,y,\nc.jpg,y,no\nd.jpg,y,1\n"
    source = table(tmp_path, text, *(f"{name}.jpg" for name in "abcd"))
    assert read(source).trusted.tolist() == [True, False, False, True]
    wrong = table(tmp_path, "path,label,trusted\na.jpg,x,maybe\n")
    with pytest.raises(DataError, match=r"column 'trusted' must say true or false: labels\.csv:2 'maybe'\."):
        read(wrong)


def test_json_lines_are_read(tmp_path):
    rows = [{"image": "a.jpg", "label": 3}, {"image": "b.jpg", "label": 12, "extra": [1]}, {"image": "c.jpg"}]
    text = "\n\n".join(map(json.dumps, rows))
    dataset = read(table(tmp_path, text, "a.jpg", "b.jpg", "c.jpg", name="labels.jsonl"))
    assert dataset.classes == ("3", "12")
    assert dataset.set_aside[0].detail == "labels.jsonl:5: column 'label' is empty"
    array = table(tmp_path, json.dumps(rows), name="labels.json")
    assert read(array).classes == ("3", "12")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"path": "a", "label": 1}\n{bad', r"labels\.jsonl:2: not JSON: "),
        ('{"path": "a", "label": 1}\n7', r"labels\.jsonl:2: a JSON int where an object is expected"),
    ],
)
def test_json_that_cannot_be_used_says_where(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(table(tmp_path, text, name="labels.jsonl"))


def test_words_beside_numbers_in_json_are_all_text(tmp_path):
    text = '{"path": "a.jpg", "label": 1}\n{"path": "b.jpg", "label": "one"}'
    assert read(table(tmp_path, text, "a.jpg", "b.jpg", name="l.ndjson")).classes == ("1", "one")


def test_sources_that_cannot_be_read_name_the_next_step(tmp_path):
    source = table(tmp_path, "path,label\n")
    with pytest.raises(ConfigError, match=r"label\.csv does not exist\.\nDid you mean 'labels\.csv'\?"):
        read(tmp_path / "label.csv")
    with pytest.raises(ConfigError, match=r"nowhere/x\.csv does not exist; nor does its folder"):
        read(str(tmp_path / "nowhere" / "x.csv"))
    with pytest.raises(ConfigError, match=r"s4://bucket/data\.csv: s4:// is not supported\.\nSupported: s3://, "):
        read("s4://bucket/data.csv")
    with pytest.raises(DataError, match=r"labels\.csv\.gz: cannot be unpacked: Not a gzipped file"):
        read(source.rename(tmp_path / "labels.csv.gz"))
    with pytest.raises(DataError, match=r"files of type \.sav are not read; tables are \.csv, .*\nSave a table"):
        read(table(tmp_path, "", name="a.sav"))
    with pytest.raises(DataError, match=r"a\.PNG is a single image"):
        read(table(tmp_path, "", name="a.PNG"))
    with pytest.raises(ConfigError, match=r"--embeddings needs a table of labels, and \S+ is a folder"):
        read(tmp_path, embeddings="e.npy")
    with pytest.raises(ConfigError, match=r"--probs needs a table of labels"):
        read(tmp_path, probs="p.npy")


def test_a_relative_source_gives_absolute_files(tmp_path, monkeypatch):
    table(tmp_path, "path,label\na.jpg,x\n", "a.jpg", "cls/b.jpg")
    monkeypatch.chdir(tmp_path)
    assert read("labels.csv").content.files == (tmp_path / "a.jpg",)
    assert tuple(read(".").content.files) == (tmp_path / "cls/b.jpg",)
    assert read("labels.csv").source == Path("labels.csv")
