"""The trusted set: a table of ids or paths, or a folder of images."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset


def put(root, **files):
    """Write files; a double underscore in a name is a folder."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_png", ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())  # never decoded here


@pytest.fixture
def pets(tmp_path):
    """Return a folder of two cats and three dogs, one of which is a cat."""
    put(tmp_path / "pets", cat__1_png="c1", cat__2_png="c2", dog__1_png="d1", dog__2_png="d2", dog__3_png="c3")
    return tmp_path / "pets"


def read(source, **settings) -> Dataset:
    settings = {name: str(value) if name == "trusted" else value for name, value in settings.items()}
    return read_dataset(source, DataSettings(**settings))


def listed(tmp_path, *lines: str, name: str = "trusted.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def trusted_ids(dataset: Dataset) -> list[str]:
    return [name for name, is_trusted in zip(dataset.sample_ids, dataset.trusted, strict=True) if is_trusted]


def remarks(dataset: Dataset, tmp_path: Path) -> list[tuple[str, str]]:
    return [(remark.level, remark.text.replace(f"{tmp_path}/", "")) for remark in dataset.remarks]


def test_a_list_of_ids_is_enough(pets, tmp_path):
    dataset = read(pets, trusted=listed(tmp_path, "sample_id", "cat/2.png", "dog/1.png"))
    assert trusted_ids(dataset) == ["cat/2.png", "dog/1.png"]
    assert remarks(dataset, tmp_path) == []


def test_paths_may_be_written_as_other_programs_write_them(pets, tmp_path):
    lines = ["who,file", rf"me,{pets}/cat/1.png", r"me,.\dog\2.png", "you,./dog/1.png"]
    dataset = read(pets, trusted=listed(tmp_path, *lines))
    assert trusted_ids(dataset) == ["cat/1.png", "dog/1.png", "dog/2.png"]


def test_a_label_that_agrees_is_silent_and_one_that_differs_corrects_with_a_warning(pets, tmp_path):
    dataset = read(pets, trusted=listed(tmp_path, "path,label", "cat/1.png,cat", "dog/3.png,cat"))
    assert trusted_ids(dataset) == ["cat/1.png", "dog/3.png"]
    assert [dataset.classes[label] for label in dataset.given] == ["cat", "cat", "dog", "dog", "cat"]
    assert remarks(dataset, tmp_path) == [
        ("warning", "trusted.csv corrects 1 label for this scan: dog/3.png ('dog', trusted as 'cat').")
    ]


def test_a_table_of_numbers_is_matched_by_its_id_column_not_by_its_labels(tmp_path):
    rows = [f"{index + 100},{index / 7:.3f},{index % 2}" for index in range(12)]
    table = listed(tmp_path, "id,width,label", *rows, name="data.csv")
    dataset = read(table, trusted=listed(tmp_path, "label,id", "0,100", "1,103"))
    assert trusted_ids(dataset) == ["100", "103"]


def test_rows_of_other_splits_are_counted_in_a_warning(pets, tmp_path):
    dataset = read(pets, trusted=listed(tmp_path, "path", "cat/1.png", "val/9.png", "val/8.png"))
    assert remarks(dataset, tmp_path) == [
        (
            "warning",
            "trusted.csv: 2 rows of no sample of this dataset or split: trusted.csv:3, trusted.csv:4.",
        )
    ]


def test_a_trusted_column_says_which_rows_count_and_the_datasets_own_stays(tmp_path):
    rows = [f"{index},{index / 7:.3f},{index % 2},{'yes' if index == 5 else ''}" for index in range(12)]
    table = listed(tmp_path, "id,width,label,trusted", *rows, name="data.csv")
    dataset = read(table, trusted=listed(tmp_path, "id,trusted", "3,yes", "4,no"))
    assert trusted_ids(dataset) == ["3", "5"]


def test_at_most_so_many_rows_of_each_class_are_taken(pets, tmp_path):
    lines = ["path", "dog/2.png", "dog/1.png", "cat/1.png", "dog/3.png"]
    dataset = read(pets, trusted=listed(tmp_path, *lines), trusted_per_class=1)
    assert trusted_ids(dataset) == ["cat/1.png", "dog/2.png"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["image,label", "a.png,cat"],
            "no column names samples of {pets}; columns: image, label.\n"
            "One of them must hold ids as the audit shows them, such as 'cat/1.png', 'cat/2.png' and 3 more, "
            "below a header line.",
        ),
        (
            ["path,label", "cat/1.png,cta"],
            "trusted.csv:2: the trusted label 'cta' is not one of the 2 classes.\nDid you mean 'cat'?",
        ),
        (
            ["path,label", "cat/1.png,cat", "cat/1.png,dog"],
            "trusted.csv:3: cat/1.png has two trusted labels, 'cat' and 'dog'.\nLeave one of the rows.",
        ),
        (["path,trusted", "cat/1.png,no"], "none of its 1 rows is trusted.\nIs column 'trusted' empty?"),
    ],
)
def test_a_table_that_cannot_be_used_says_where_and_why(pets, tmp_path, lines, message):
    with pytest.raises(DataError, match=re.escape(message.format(pets=pets))):
        read(pets, trusted=listed(tmp_path, *lines))


def test_images_of_a_folder_are_found_by_content_or_added(pets, tmp_path):
    put(tmp_path / "checked", cat__x_png="c3", cat__y_png="new", dog__z_png="d1")
    dataset = read(pets, trusted=tmp_path / "checked")
    assert trusted_ids(dataset) == ["dog/1.png", "dog/3.png", "../checked/cat/y.png"]
    assert [dataset.classes[label] for label in dataset.given] == ["cat", "cat", "dog", "dog", "cat", "cat"]
    assert remarks(dataset, tmp_path) == [
        ("warning", "checked corrects 1 label for this scan: dog/3.png ('dog', trusted as 'cat')."),
        ("note", "checked: 1 trusted image added, 2 samples found by content."),
    ]
    assert isinstance(dataset.content, ImageFiles)
    assert dataset.content.read(5) == b"new"
    assert Path([*dataset.content.texts()][5]).read_bytes() == b"new"


def test_so_many_images_of_each_class_are_chosen_by_content_whatever_their_names(pets, tmp_path):
    put(tmp_path / "one", cat__a_png="n1", cat__b_png="n2", cat__c_png="n3", dog__a_png="n4")
    put(tmp_path / "two", cat__c_png="n1", cat__a_png="n2", cat__b_png="n3", dog__a_png="n4")
    contents = []
    for name in ("one", "two"):
        dataset = read(pets, trusted=tmp_path / name, trusted_per_class=2)
        assert isinstance(dataset.content, ImageFiles)
        contents.append({dataset.content.read(index) for index in dataset.trusted.nonzero()[0].tolist()})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 3


def test_a_folder_with_an_unknown_class_names_the_closest(pets, tmp_path):
    put(tmp_path / "checked", cats__x_png="c3")
    with pytest.raises(DataError, match=r"cats/x\.png: the trusted label 'cats' .* classes\.\nDid you mean 'cat'\?"):
        read(pets, trusted=tmp_path / "checked")


def test_a_folder_does_not_go_with_a_table_of_numbers(tmp_path):
    put(tmp_path / "checked", cat__x_png="c3")
    table = listed(tmp_path, "id,width,label", *(f"{i},{i / 7:.3f},{i % 2}" for i in range(12)), name="data.csv")
    message = rf"--trusted {tmp_path}/checked is a folder of images; {table} is not a dataset of image files\.\nGive a"
    with pytest.raises(ConfigError, match=message):
        read(table, trusted=tmp_path / "checked")


def test_a_trusted_image_that_cannot_be_read_is_named(pets, tmp_path):
    put(tmp_path / "checked", cat__x_png="c3")
    (tmp_path / "checked/cat/x.png").chmod(0)
    if os.access(tmp_path / "checked/cat/x.png", os.R_OK):
        pytest.skip("this user reads everything")
    with pytest.raises(DataError, match=r"trusted image .*/checked/cat/x\.png cannot be read: Permission denied\."):
        read(pets, trusted=tmp_path / "checked")


def test_what_is_not_there_or_of_another_type_is_a_usage_error(pets, tmp_path):
    with pytest.raises(ConfigError, match=r"--trusted .*/nowhere\.csv does not exist\."):
        read(pets, trusted=tmp_path / "nowhere.csv")
    with pytest.raises(ConfigError, match=r"--trusted .*/list\.pdf is neither a folder nor a table\."):
        read(pets, trusted=listed(tmp_path, "cat/1.png", name="list.pdf"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trusted_per_class": 10}, "data.trusted_per_class = 10: expected --trusted FOLDER or TABLE beside it."),
        ({"trusted": "x", "trusted_per_class": 0}, "data.trusted_per_class = 0: expected 1 or more."),
    ],
)
def test_a_number_per_class_needs_a_trusted_set_and_a_sample(settings, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        DataSettings(**settings)
