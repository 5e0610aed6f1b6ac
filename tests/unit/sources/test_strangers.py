"""How a stranger calls things: columns, folders, files of images; read as meant, with a word on each guess."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import labelaudit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from tests.layouts import IDS, image, images
from tests.mended import audited, decide


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings), several=True)


def said(dataset, kind="warning"):
    return " ".join(remark.text for remark in dataset.remarks if remark.level == kind)


def table(root, header, row, name="t.csv"):
    rows = [
        row.format(id=key, label=key[:3], n=n, dog=int(key[:3] == "dog"), half=n + 0.5) for n, key in enumerate(IDS)
    ]
    (root / name).write_text("\n".join([*([header] if header else []), *rows]) + "\n")
    return root / name


def texts(root, pattern):
    for number, key in enumerate(IDS):
        path = root / pattern.format(id=key, label=key[:3])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"it is the {number}. of all")


@pytest.mark.parametrize("name", ["diagnosis", "Species", "is_fraud", "Klasse"])
def test_a_column_that_is_called_as_labels_often_are_is_taken_with_a_word(tmp_path, name):
    found = read(table(tmp_path, f"x,other,{name}", "{half},{dog},{label}"))
    assert found.classes == ("cat", "dog")
    assert f"Labels are from column '{name}': it is called as labels often are; --label-column" in said(found)


def test_the_only_column_of_a_few_words_is_the_label_with_a_word(tmp_path):
    found = read(table(tmp_path, "", "{half},{half},Iris-{label}", "iris.data"))
    assert found.classes == ("Iris-cat", "Iris-dog")
    assert "'column 3': no other has a few words that come again" in said(found)


def test_several_columns_that_may_be_the_label_are_asked_about(tmp_path):
    with pytest.raises(ConfigError, match=r"such as 'sort' \(2 different\), 'bit' \(2 different\)\. Is the first"):
        read(table(tmp_path, "x,bit,sort", "{half},{dog},{label}"))


def test_a_column_that_is_an_object_in_some_rows_is_not_guessed(tmp_path):
    rows = [
        {"x": n + 0.5, "sentiment": {"choices": ["a", "b"]} if n % 3 == 0 else "a" if n % 2 else "b"} for n in range(12)
    ]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    with pytest.raises(ConfigError, match="no column looks like the labels"):
        read(tmp_path / "t.json")


def test_ids_that_come_again_are_the_label_where_nothing_else_is(tmp_path):
    images(tmp_path, "train/{id}.png")
    found = read(table(tmp_path, "Image,Id", "{id}.png,{label}"))
    assert (found.kind, found.classes) == ("images", ("cat", "dog"))
    assert "'Id': its cells come again, so that they are no ids" in said(found)


def test_names_of_columns_are_compared_without_what_nobody_means(tmp_path):
    images(tmp_path, "{id}.png")
    found = read(table(tmp_path, "Width,ClassId,ImagePath", "{n},{dog},{id}.png"))
    assert (found.kind, found.classes) == ("images", ("0", "1"))


def test_a_column_of_names_of_images_may_be_called_anything(tmp_path):
    images(tmp_path, "train/{id}.png")
    found = read(table(tmp_path, "SeriesUID,age,target", "{id},{n},{label}"))
    assert (found.kind, len(found), found.paths[0]) == ("images", 12, "train/cat0.png")


@pytest.mark.parametrize(
    ("cell", "file"), [("{n}", "img/{n:03d}.png"), ("{n}.0", "img/{n}.png"), ("{n}.0", "{n:04d}.png")]
)
def test_numbers_that_lost_their_zeros_find_their_images(tmp_path, cell, file):
    for n in range(12):
        image(tmp_path / file.format(n=n), n)
    found = read(table(tmp_path, "id,label", cell + ",{label}"))
    assert found.paths[10] == file.format(n=10)
    assert "by the end of their paths" in said(found, "note")


def test_a_number_that_may_be_two_images_is_set_aside(tmp_path):
    for n in range(12):
        image(tmp_path / f"{n:03d}.png", n)
    image(tmp_path / "0003.png", 99)
    found = read(table(tmp_path, "id,label", "{n},{label}"))
    assert [row.sample_id for row in found.set_aside] == ["3"]


def test_a_template_may_ask_for_zeros(tmp_path):
    for n in range(12):
        image(tmp_path / f"IMG_{n:04d}.png", n)
    source = table(tmp_path, "id,label", "{n},{label}")
    with pytest.raises(DataError, match=r"With zeros before numbers: 'img_\{id:05\}\.jpg'"):
        read(source)
    assert read(source, path_template="IMG_{id:04}.png").paths[11] == "IMG_0011.png"


@pytest.mark.parametrize("cell", ["/data/upload/1/1a2b3c4d-{id}.png", "https://x.invalid/{id}.png?w=9&h=9"])
def test_what_tools_put_around_a_name_is_taken_away(tmp_path, cell):
    images(tmp_path, "img/{id}.png")
    assert read(table(tmp_path, "image_url,label", cell + ",{label}")).paths[0] == "img/cat0.png"


def test_the_first_line_of_sentences_is_data(tmp_path):
    found = read(
        table(tmp_path, "", '{dog},"It is the title","it is the {n}. story of all here"'), label_column="column 1"
    )
    assert len(found) == 12
    assert read(table(tmp_path, "1,text", "{dog},it is the {n}. story of all"), label_column="1").kind == "texts"


def test_train_with_classes_beside_others_without_are_splits(tmp_path):
    images(tmp_path, "train/{label}/{id}.png")
    images(tmp_path, "test/{id}.png")
    images(tmp_path, "unlabeled/{id}.png")
    found = read(tmp_path)
    assert (found.classes, found.split, len(found)) == (("cat", "dog"), "train", 12)
    assert "left out: unlabeled" in said(found)


def test_a_copy_of_the_class_folders_beside_them_is_left_out(tmp_path):
    images(tmp_path, "Plants/{label}/{id}.png")
    images(tmp_path, "Plants/Plants/{label}/{id}.png")
    found = read(tmp_path)
    assert (found.classes, len(found)) == (("cat", "dog"), 12)
    assert "hold the class folders again, a copy, left out: Plants." in said(found)


def test_class_folders_of_folders_are_said(tmp_path):
    for number, name in enumerate(("fruit/apple", "fruit/pear", "root/beet", "root/leek")):
        image(tmp_path / name / "1.png", number)
    assert "such as fruit/apple, are read as fruit; if the inner ones are the classes" in said(read(tmp_path))


def test_folders_of_lists_beside_images_do_not_hide_the_classes(tmp_path):
    images(tmp_path, "images/{label}/{id}.png")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/train.txt").write_text("cat/cat0\n")
    assert read(tmp_path).classes == ("cat", "dog")


def test_a_folder_of_what_nobody_labelled_is_said(tmp_path):
    texts(tmp_path, "train/{label}/{id}.txt")
    texts(tmp_path, "train/unsup/{id}.txt")
    assert "no label, read as classes: 'unsup' (12)" in said(read(tmp_path))


@pytest.mark.parametrize("suffix", ["", ".md"])
def test_texts_may_have_another_suffix_or_none(tmp_path, suffix):
    texts(tmp_path, "{label}/{id}" + suffix)
    assert (read(tmp_path).kind, len(read(tmp_path))) == ("texts", 12)


def test_files_without_suffix_that_are_no_texts_are_refused(tmp_path):
    for key in IDS:
        (tmp_path / key[:3]).mkdir(exist_ok=True)
        (tmp_path / key[:3] / key).write_bytes(b"\0\1")
    with pytest.raises(DataError, match=r"no images in class folders; 12 other files: no suffix 12"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cat/1.wav", "--embeddings FILE.npy"),
        ("a.tfrecord", "tar shards"),
        ("pets.zip", "labelaudit scan .*pets.zip"),
        ("meta/pets.csv", "labelaudit scan .*meta/pets.csv"),
    ],
)
def test_a_folder_without_images_points_to_what_is_there(tmp_path, name, hint):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "features.json").write_text("{}")
    with pytest.raises(DataError, match=rf"(?s)other files?: .*{hint}"):
        read(tmp_path)


def test_tables_of_splits_may_lie_in_a_folder(tmp_path):
    (tmp_path / "data").mkdir()
    for split in ("train", "test"):
        table(tmp_path / "data", "x,label", "{half},{label}", f"{split}.csv")
    assert (read(tmp_path).split, len(read(tmp_path))) == ("train", 12)


def test_an_archive_with_a_table_is_refused_with_the_way_out(tmp_path):
    import zipfile

    images(tmp_path, "images/{id}.png")
    table(tmp_path, "path,label", "images/{id}.png,{label}")
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for path in [*tmp_path.rglob("*.png"), tmp_path / "t.csv"]:
            archive.write(path, path.relative_to(tmp_path))
    with pytest.raises(DataError, match=r"tables \(\.csv\), which are not read in an archive\.\nUnpack it"):
        read(tmp_path / "t.zip")


def test_names_of_synsets_are_those_of_their_numbers(tmp_path):
    images(tmp_path, "{id}.png")
    (tmp_path / "synset_words.txt").write_text("n02123045 tabby, tabby cat\nn02085620 Chihuahua\n")
    assert read(table(tmp_path, "", "{id}.png {dog}", "train.txt")).classes == ("tabby, tabby cat", "Chihuahua")


def test_names_of_classes_are_found_beside_images_too(tmp_path):
    images(tmp_path, "{id}.png")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "lists").mkdir()
    source = table(tmp_path / "lists", "path,label", "{id}.png,{dog}")
    assert read(source, image_root=str(tmp_path)).classes == ("cat", "dog")


def test_columns_of_people_are_said(tmp_path):
    found = read(table(tmp_path, "text,label_1,label_2,label_3", "it is the {n}. of all,{dog},1,{dog}"))
    assert found.samples.several is not None
    assert "--annotator-columns label_1,label_2,label_3" in said(found)


def test_an_error_about_json_does_not_speak_of_headers(tmp_path):
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps({"x": n, "y1": n % 2, "y2": n % 3}) for n in range(12)))
    with pytest.raises(ConfigError, match="no column looks like the labels") as caught:
        read(tmp_path / "t.jsonl")
    assert "header" not in str(caught.value)


def test_a_table_in_zstd_comes_back_in_zstd(tmp_path):
    text = table(tmp_path, "x,label", "{half},{label}").read_bytes()
    path = tmp_path / "t.csv.zst"
    path.write_bytes(pa.Codec("zstd").compress(text, asbytes=True))
    audit, dataset = audited(tmp_path, path)
    decide(audit, dataset.sample_ids[0], "dog")
    out = labelaudit.apply(audit).output
    assert pa.CompressedInputStream(pa.BufferReader(out.read_bytes()), "zstd").read() == text.replace(b"cat", b"dog", 1)


def test_corrected_data_keeps_its_suffix(tmp_path):
    audit, dataset = audited(tmp_path, table(tmp_path, "x,label", "{half},{label}"))
    decide(audit, dataset.sample_ids[0], "dog")
    with pytest.raises(ConfigError, match=r"of the same kind, \.csv\.\nSuch as --output .*fixed\.csv"):
        labelaudit.apply(audit, output=tmp_path / "fixed")
