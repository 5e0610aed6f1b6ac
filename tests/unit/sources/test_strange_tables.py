"""Tables as strangers have them: ids beside folders of images, paths of other machines, words among numbers."""

from __future__ import annotations

import base64
import unicodedata

import pytest

from labelaudit.core.dataset import ImageFiles, Texts, Vectors
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import decode_image
from labelaudit.sources.read import read_dataset
from tests.unit.sources.conftest import image_bytes, images


def write(root, header, rows, *files, name="table.csv", separator=","):
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    source = root / name
    source.parent.mkdir(parents=True, exist_ok=True)
    lines = [header, *(separator.join(map(str, row)) for row in rows)]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return source


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def texts(dataset):
    return [remark.text for remark in dataset.remarks]


def warnings(dataset):
    return [remark.text for remark in dataset.remarks if remark.level == "warning"]


def found(dataset, root):
    assert isinstance(dataset.content, ImageFiles)
    return [file.relative_to(root).as_posix() for file in dataset.content.files]


def test_ids_with_a_missing_image_are_a_table_of_images(tmp_path):
    rows = [(i, "ab"[i % 2], 1990 + i) for i in range(10)]
    dataset = read(write(tmp_path, "id,kind,year", rows, *(f"pics/{i}.jpg" for i in range(9))), label_column="kind")
    assert found(dataset, tmp_path) == [f"pics/{i}.jpg" for i in range(9)]
    assert [(row.issue, row.sample_id) for row in dataset.set_aside] == [("missing-file", "9")]
    assert "9 of 10 images were found by --path-template 'pics/{id}.jpg'" in " ".join(texts(dataset))


def test_an_empty_cell_does_not_hide_the_images_of_the_others(tmp_path):
    rows = [("a.jpg", "x"), ("b.jpg", "y"), ("", "x")]
    dataset = read(write(tmp_path, "image,label", rows, "pics/a.jpg", "pics/b.jpg"))
    assert found(dataset, tmp_path) == ["pics/a.jpg", "pics/b.jpg"]
    assert dataset.set_aside[0].detail == "table.csv:4: no path given"


def test_images_may_lie_in_several_folders(tmp_path):
    rows = [(f"p{i // 2}", f"N_{i:03d}", "ab"[i % 2], 30 + i) for i in range(8)]
    files = [f"part_{1 + i % 2}/N_{i:03d}.jpg" for i in range(8)]
    dataset = read(write(tmp_path, "patient,image_id,dx,age", rows, *files), label_column="dx")
    assert found(dataset, tmp_path) == files
    assert "'part_1/{image_id}.jpg', --path-template 'part_2/{image_id}.jpg'" in " ".join(texts(dataset))


def test_a_folder_with_some_of_the_images_again_does_not_hinder(tmp_path):
    files = [f"full/{i}.png" for i in range(6)] + ["thumbs/0.png", "thumbs/1.png"]
    dataset = read(write(tmp_path, "image,label", [(i, "ab"[i % 2]) for i in range(6)], *files))
    assert found(dataset, tmp_path) == files[:6]


def test_images_that_no_column_names_are_a_warning(tmp_path):
    source = write(tmp_path, "id,x,label", [(i, i, "ab"[i % 2]) for i in range(4)], "pics/u.png", "pics/v.png")
    dataset = read(source)
    assert isinstance(dataset.content, Vectors)
    assert "2 images below" in warnings(dataset)[0]
    assert "--path-column" in warnings(dataset)[0]
    assert warnings(read(source, no_images=True)) == []


def test_ids_that_hardly_ever_name_an_image_are_a_warning(tmp_path):
    source = write(tmp_path, "id,x,label", [(i, i, "ab"[i % 2]) for i in range(10)], "3.png")
    assert "Only 10% of the cells of 'id' lead to an image" in warnings(read(source))[0]
    assert len(read(source, path_column="id")) == 1


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("./pics\\{}.png", "pics/{}.png"),
        ("pics\\{}.png", "pics/{}.png"),
        ("C:\\me\\pics\\{}.png", "pics/{}.png"),
        ("/content/drive/My Drive/pics/{}.png", "pics/{}.png"),
        ("gs://bucket/deep/{}.png", "pics/{}.png"),
        ("pics/my%20{}.png", "pics/my {}.png"),
        ("Pics/{}.PNG", "pics/{}.png"),
        ("pics/{}.tif", "pics/{}.jpg"),
        (unicodedata.normalize("NFC", "é{}.png"), unicodedata.normalize("NFD", "deep/é{}.png")),
        ("scan.{}", "pics/scan.{}.png"),
    ],
)
def test_paths_that_nearly_fit_find_their_files(tmp_path, written, file):
    rows = [(written.format(i), "ab"[i % 2]) for i in range(4)]
    dataset = read(write(tmp_path, "path,label", rows, *(file.format(i) for i in range(4))))
    assert found(dataset, tmp_path) == [file.format(i) for i in range(4)]
    assert dataset.set_aside == ()


def test_a_missing_file_is_not_replaced_by_one_of_the_same_name_elsewhere(tmp_path):
    rows = [(f"cat/{i}.png", "cat") for i in range(5)] + [(f"dog/{i}.png", "dog") for i in range(5, 10)]
    dataset = read(write(tmp_path, "path,label", rows, *(row[0] for row in rows[:-1]), "other/9.png"))
    assert [row.path for row in dataset.set_aside] == ["dog/9.png"]


def test_equal_names_in_class_folders_are_told_apart_by_their_folder(tmp_path):
    rows = [(f"D:\\x\\{name}\\{i}.png", name) for name in ("cat", "dog") for i in range(3)]
    files = [f"data/{name}/{i}.png" for name in ("cat", "dog") for i in range(3)]
    assert found(read(write(tmp_path, "path,label", rows, *files)), tmp_path) == files


def test_what_paths_begin_with_can_be_replaced(tmp_path):
    rows = [(f"/old/{i}.png", "ab"[i % 2]) for i in range(3)]
    source = write(tmp_path, "path,label", rows, *(f"{top}/{i}.png" for i in range(3) for top in ("u", "v")))
    assert found(read(source, replace_prefix="/old/=v/"), tmp_path) == [f"v/{i}.png" for i in range(3)]
    with pytest.raises(ConfigError, match=r"no path begins with '/new/'; the first is '/old/0\.png'"):
        read(source, replace_prefix="/new/=v/")
    with pytest.raises(ConfigError, match=r"--replace-prefix '/old/' is not OLD=NEW"):
        read(source, replace_prefix="/old/")


def test_a_column_name_with_a_dot_works_in_a_template(tmp_path):
    source = write(tmp_path, "image.name,label", [("u", "a"), ("v", "b")], "p/u.png", "p/v.png")
    dataset = read(source)
    assert "--path-template 'p/{image.name}.png'" in " ".join(texts(dataset))
    assert found(read(source, path_template="p/{image.name}.png"), tmp_path) == ["p/u.png", "p/v.png"]


def test_names_of_recordings_are_no_images(tmp_path):
    rows = [(f"take{i}.wav", i, -i, "ab"[i % 2]) for i in range(10)]
    dataset = read(write(tmp_path, "filename,x,y,label", rows))
    assert dataset.content.values.shape == (10, 2)
    assert "Column 'filename' names no images" in warnings(dataset)[0]
    photos = [(f"take{i}.jpg", i, -i, "ab"[i % 2]) for i in range(10)]
    source = write(tmp_path, "filename,x,y,label", photos)
    with pytest.raises(DataError, match=r"none of its 10 images exist.*\n.*--no-images"):
        read(source)
    assert read(source, no_images=True).content.values.shape == (10, 2)


def test_numbers_with_decimal_commas_are_numbers(tmp_path):
    rows = [(f"{i},5", f"1.{i:03d},25", "ab"[i % 2]) for i in range(30)]
    dataset = read(write(tmp_path, "x;y;label", rows, separator=";"))
    assert dataset.content.values.shape == (30, 2)
    assert dataset.content.columns[0].median == 15.0
    assert dataset.content.columns[1].mean == pytest.approx(1014.75)
    assert "Numbers with a decimal comma: x, y." in texts(dataset)


def test_commas_between_thousands_are_told_from_decimal_commas(tmp_path):
    rows = [(f'"{i},000"', "ab"[i % 2]) for i in range(1, 4)]
    assert read(write(tmp_path, "x,label", rows)).content.columns[0].median == 2000.0
    decimal = [(f"{i},000", "ab"[i % 2]) for i in range(1, 4)]
    assert read(write(tmp_path, "x;label", decimal, separator=";")).content.columns[0].median == 2.0


def test_a_few_words_do_not_spoil_a_column_of_numbers(tmp_path):
    cells = [f"{i / 7:.3f}" for i in range(60)]
    cells[3], cells[9], cells[20] = "<0.5", "missing", "#N/A"
    dataset = read(write(tmp_path, "x,label", [(cell, "ab"[i % 2]) for i, cell in enumerate(cells)]))
    assert dataset.content.values.shape == (60, 1)
    assert "Bounds such as <0.1, read as the number: x (1)." in texts(dataset)
    assert warnings(dataset) == ["Words among numbers, read as missing: x (1: 'missing')."]


def test_texts_are_found_by_name_and_content_and_not_learnt_around(tmp_path):
    rows = [(f"it was the {i}. best film of all times", "ab"[i % 2], i) for i in range(20)]
    dataset = read(write(tmp_path, "remarks,label,length", rows))
    assert isinstance(dataset.content, Texts)
    assert dataset.content.read(3) == "it was the 3. best film of all times"
    assert "Texts from 'remarks'; not read: length." in texts(dataset)
    chosen = read(write(tmp_path, "remarks,label,length", rows), feature_columns="length")
    assert chosen.content.values.shape == (20, 1)
    short = [(f"film {i}", f"so {i}", "ab"[i % 2]) for i in range(20)]
    both = read(write(tmp_path, "title,body,label", short))
    assert both.content.read(1) == "film 1\nso 1"
    assert read(write(tmp_path, "title,body,label", short), text_column="body").content.read(1) == "so 1"


def test_rows_of_pixel_values_are_images_and_usage_is_the_split(tmp_path):
    pixels = [" ".join(str((i * 7 + k) % 256) for k in range(64)) for i in range(6)]
    rows = [(i % 2, pixels[i], ("Training", "PublicTest", "PrivateTest")[i // 2]) for i in range(6)]
    dataset = read(write(tmp_path, "emotion,pixels,Usage", rows))
    assert (dataset.kind, dataset.split, dataset.classes) == ("images", "Training", ("0", "1"))
    decoded = decode_image(images(dataset).read(1), "x", 8)
    assert decoded.pixels[:, :, 0].ravel().tolist() == [(7 + k) % 256 for k in range(64)]
    assert len(read(tmp_path / "table.csv", split="test")) == 4


@pytest.mark.parametrize("begin", ["", "data:image/png;base64,"])
def test_images_in_base64_are_read(tmp_path, begin):
    data = [begin + base64.b64encode(image_bytes(i)).decode() for i in range(4)]
    rows = [(cell, "ab"[i % 2]) for i, cell in enumerate(data)]
    dataset = read(write(tmp_path, "picture|label", rows, separator="|"))
    assert [images(dataset).read(i) for i in range(4)] == [image_bytes(i) for i in range(4)]


def test_one_hot_columns_are_the_label(tmp_path):
    rows = [(f"{i}.png", *(float(i % 3 == k) for k in range(3))) for i in range(6)]
    source = write(tmp_path, "filename, ape, bat, cow", rows, *(row[0] for row in rows))
    dataset = read(source)
    assert [dataset.classes[k] for k in dataset.given] == ["ape", "bat", "cow"] * 2
    assert "the label is the one of 3 columns that is 1: 'ape', 'bat', 'cow'" in " ".join(texts(dataset))
    with pytest.raises(ConfigError, match=r"'bat' is one of 3 one-hot columns.*\nLeave --label-column away"):
        read(source, label_column="bat")


def test_columns_with_several_ones_are_refused_with_a_way_out(tmp_path):
    rows = [(f"{i}.png", i % 2, int(i % 3 == 0), int(i < 4)) for i in range(6)]
    source = write(tmp_path, "filename,ape,bat,cow", rows, *(row[0] for row in rows))
    with pytest.raises(DataError, match=r"3 of 6 rows have several labels.*up to 3 of.*\n.*--label-column 'ape'"):
        read(source)
    assert read(source, label_column="ape").classes == ("0", "1")


def test_binary_features_beside_a_label_stay_features(tmp_path):
    rows = [(i % 2, i % 3 == 0, 1, "ab"[i % 2]) for i in range(6)]
    assert read(write(tmp_path, "u,v,w,label", rows)).kind == "features"


def test_the_first_column_of_automl_tables_is_the_split(tmp_path):
    rows = [(("TRAIN", "TEST")[i % 3 == 0], f"p/{i}.jpg", "ab"[i % 2]) for i in range(12)]
    source = write(tmp_path, "TRAIN,p/x.jpg,a", rows, "p/x.jpg", *(row[1] for row in rows))
    dataset = read(source)
    assert (len(dataset), dataset.split, dataset.classes) == (9, "TRAIN", ("a", "b"))


def test_a_column_that_says_which_rows_are_for_validation_is_the_split(tmp_path):
    rows = [(f"{i}.jpg", "ab"[i % 2], i > 5) for i in range(8)]
    source = write(tmp_path, "name,label,is_valid", rows, *(row[0] for row in rows))
    assert len(read(source)) == 6
    assert len(read(source, split="val")) == 2


def test_folds_are_read_together(tmp_path):
    rows = [(f"{i}.jpg", "ab"[i % 2], f"fold{i % 3}") for i in range(6)]
    dataset = read(write(tmp_path, "path,label,split", rows, *(row[0] for row in rows)))
    assert len(dataset) == 6
    assert "Reading every split: fold0, fold1, fold2." in texts(dataset)
