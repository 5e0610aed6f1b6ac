"""Folders of class folders: splits, links, odd files."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from labelaudit.core.dataset import ImageFiles
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources import folder
from labelaudit.sources.folder import read_folder


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")  # never decoded here


def remarks(dataset):
    return [remark.text for remark in dataset.remarks]


def test_class_folders_become_classes_in_a_fixed_order(tmp_path):
    put(tmp_path, "dog/2.PNG", "dog/1.jpg", "cat/deep/er/9.jpeg", "cat/.hidden.jpg", ".git/x/1.jpg", "__MACOSX/a/1.jpg")
    dataset = read_folder(tmp_path, DataSettings())
    assert dataset.sample_ids == ("cat/deep/er/9.jpeg", "dog/1.jpg", "dog/2.PNG")
    assert dataset.paths == dataset.sample_ids
    assert dataset.classes == ("cat", "dog")
    assert dataset.given.tolist() == [0, 1, 1]
    assert isinstance(dataset.content, ImageFiles)
    assert dataset.content.files[0] == tmp_path / "cat/deep/er/9.jpeg"
    assert (dataset.split, dataset.remarks, int(dataset.trusted.sum())) == (None, (), 0)


def test_numbered_class_folders_are_ordered_by_number(tmp_path):
    put(tmp_path, "10/a.png", "9/a.png", "2/a.png")
    assert read_folder(tmp_path, DataSettings()).classes == ("2", "9", "10")


def test_other_files_empty_folders_and_images_without_a_class_are_told(tmp_path):
    put(tmp_path, "cat/1.jpg", "cat/notes.txt", "dog/1.jpg", "readme", "loose.png", "dog/script.eps")
    (tmp_path / "bird").mkdir()
    assert remarks(read_folder(tmp_path, DataSettings())) == [
        "Images above the class folders, without a label and left out: 1 (loose.png).",
        "Class folders without an image: 1 (bird).",
        "Files that Pillow does not read as images, left out: 3 (.eps 1, .txt 1, no suffix 1).",
    ]


def test_the_training_split_is_read_unless_another_is_asked_for(tmp_path):
    put(tmp_path, "train/cat/1.jpg", "train/dog/1.jpg", "validation/cat/2.jpg", "test/dog/3.jpg")
    dataset = read_folder(tmp_path, DataSettings())
    assert dataset.split == "train"
    assert dataset.sample_ids == ("train/cat/1.jpg", "train/dog/1.jpg")
    assert dataset.classes == ("cat", "dog")
    assert remarks(dataset) == ["Reading split train; not test, validation (--split picks another, or all)."]
    assert read_folder(tmp_path, DataSettings(split="val")).sample_ids == ("validation/cat/2.jpg",)
    every = read_folder(tmp_path, DataSettings(split="all"))
    assert every.sample_ids == ("test/dog/3.jpg", "train/cat/1.jpg", "train/dog/1.jpg", "validation/cat/2.jpg")
    assert every.given.tolist() == [1, 0, 1, 0]
    assert remarks(every) == ["Reading every split: test, train, validation."]


def test_a_split_that_is_not_there_names_those_that_are(tmp_path):
    put(tmp_path, "valid/cat/1.jpg", "test/cat/1.jpg")
    with pytest.raises(ConfigError, match=r"there is no split 'train'; splits here: test, valid\."):
        read_folder(tmp_path, DataSettings())
    put(tmp_path, "other/cat/1.jpg")
    with pytest.raises(ConfigError, match=r"no split 'test': its sub-folders are no train, val or test folders"):
        read_folder(tmp_path, DataSettings(split="test"))


def test_splits_without_class_folders_are_refused(tmp_path):
    put(tmp_path, "train/1.jpg", "test/1.jpg")
    with pytest.raises(DataError, match=r"test/ and train/ hold images and no class folders.*\n.*train/cats/1\.jpg"):
        read_folder(tmp_path, DataSettings())
    put(tmp_path, "bus/1.jpg")
    dataset = read_folder(tmp_path, DataSettings())
    assert (dataset.classes, dataset.split) == (("bus", "test", "train"), None)


@pytest.mark.parametrize(
    ("names", "asked", "split", "ids"),
    [
        (["seg_train/{}", "seg_test/{}"], "train", "seg_train", ["seg_train/a/1.jpg", "seg_train/b/1.jpg"]),
        (["seg_train/seg_train/{}", "seg_pred/seg_pred/{}"], "train", "seg_train", ["seg_train/seg_train/a/1.jpg"]),
        (["training_set/{}", "test_set/{}"], "test", "test_set", ["test_set/a/1.jpg", "test_set/b/1.jpg"]),
        (["images_val/{}", "images_train/{}"], "val", "images_val", ["images_val/a/1.jpg", "images_val/b/1.jpg"]),
        (["fold1/{}", "fold2/{}"], "train", "fold1,fold2", ["fold1/a/1.jpg", "fold1/b/1.jpg", "fold2/a/1.jpg"]),
        (["seen/{}", "unseen/{}"], "seen", "seen", ["seen/a/1.jpg", "seen/b/1.jpg"]),
        (["train/{}", "val/{}", "runs/{}x"], "train", "train", ["train/a/1.jpg", "train/b/1.jpg"]),
        (["train/{}", "checkpoints/deep/{}"], "train", "train", ["train/a/1.jpg", "train/b/1.jpg"]),
    ],
)
def test_folders_that_hold_the_same_class_folders_are_splits_whatever_they_are_called(
    tmp_path, names, asked, split, ids
):
    put(tmp_path, *(f"{name.format(label)}/1.jpg" for name in names for label in ("a", "b")))
    dataset = read_folder(tmp_path, DataSettings(split=asked))
    assert (dataset.classes, dataset.split) == (("a", "b"), split)
    assert dataset.sample_ids[: len(ids)] == tuple(ids)


def test_folders_beside_the_splits_are_named(tmp_path):
    put(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "test/b/1.jpg", "runs/x/1.jpg", "notes/1.txt")
    assert "Folders beside the splits, left out: notes, runs." in remarks(read_folder(tmp_path, DataSettings()))


def test_classes_with_the_same_folders_in_them_stay_classes_with_a_warning(tmp_path):
    put(tmp_path, *(f"{a}/{b}/1.jpg" for a in ("cat", "dog") for b in ("left", "right")))
    dataset = read_folder(tmp_path, DataSettings())
    assert dataset.classes == ("cat", "dog")
    assert (
        "(left, right) are read as classes: cat, dog; if they are splits, name one: --split cat." in remarks(dataset)[0]
    )
    years = tmp_path / "years"
    put(years, *(f"{a}/{b}/1.jpg" for a in ("cat", "dog") for b in ("2019", "2020")))
    assert remarks(read_folder(years, DataSettings())) == []
    inside = tmp_path / "inside"
    put(inside, *(f"{a}/{b}/1.jpg" for a in ("cat", "dog") for b in ("train", "val")))
    assert read_folder(inside, DataSettings()).classes == ("cat", "dog")


def test_links_out_of_the_folder_are_followed_when_asked(tmp_path):
    root = tmp_path / "data"
    put(tmp_path, "store/aa/1f", "store/dogs/2.jpg")
    (root / "cat").mkdir(parents=True)
    (root / "cat/1.jpg").symlink_to(tmp_path / "store/aa/1f")
    (root / "dog").symlink_to(tmp_path / "store/dogs")
    (root / "cat/loop").symlink_to(root)
    dataset = read_folder(root, DataSettings(follow_links=True))
    assert dataset.sample_ids == ("cat/1.jpg", "dog/2.jpg")
    assert dataset.classes == ("cat", "dog")
    with pytest.raises(DataError, match=r"no images in class folders.*\n2 symbolic links leave .*: --follow-links"):
        read_folder(root, DataSettings())


def test_links_out_of_the_folder_and_in_circles_are_not_followed(tmp_path):
    root = tmp_path / "data"
    put(tmp_path, "secret/1.jpg", "data/cat/1.jpg", "data/dog/1.jpg")
    (root / "cat/out.jpg").symlink_to(tmp_path / "secret/1.jpg")
    (root / "stolen").symlink_to(tmp_path / "secret")
    (root / "cat/broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (root / "cat/loop").symlink_to(root / "cat")
    (root / "cat/2.jpg").symlink_to(root / "dog/1.jpg")
    (root / "puppy").symlink_to(root / "dog")
    dataset = read_folder(root, DataSettings())
    assert dataset.sample_ids == ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "puppy/1.jpg")
    assert remarks(dataset) == [
        "Symbolic links that are not followed: 4 (3 leave the folder, 1 lead in circles); --follow-links reads"
        " those to images (1)."
    ]


def test_links_that_cross_end(tmp_path):
    put(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "a/to_b").symlink_to(tmp_path / "b")
    (tmp_path / "b/to_a").symlink_to(tmp_path / "a")
    dataset = read_folder(tmp_path, DataSettings())
    assert dataset.sample_ids == ("a/1.jpg", "a/to_b/1.jpg", "b/1.jpg", "b/to_a/1.jpg")


def test_a_root_that_is_a_link_itself_is_read(tmp_path):
    put(tmp_path, "real/cat/1.jpg", "real/dog/1.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert len(read_folder(tmp_path / "link", DataSettings())) == 2


def test_images_without_class_folders_are_an_error_with_a_way_out(tmp_path):
    put(tmp_path, "1.jpg", "2.jpg")
    with pytest.raises(
        DataError, match=r"2 images, but none in a class folder: no labels\.\nPut them in one folder per"
    ):
        read_folder(tmp_path, DataSettings())
    put(tmp_path, "info.json")
    with pytest.raises(DataError, match=r"labelaudit scan \S+info\.json"):
        read_folder(tmp_path, DataSettings())
    put(tmp_path, "labels.csv")
    with pytest.raises(DataError, match=r"labelaudit scan \S+labels\.csv"):
        read_folder(tmp_path, DataSettings())


def test_a_folder_without_images_says_what_is_there(tmp_path):
    put(tmp_path, "cat/1.wav", "cat/2.wav")
    with pytest.raises(DataError, match=r"no images in class folders; 2 other files: \.wav 2\.\nSounds .*--embeddings"):
        read_folder(tmp_path, DataSettings())


def test_folded_labels_merge_class_folders(tmp_path):
    put(tmp_path, "Cat/1.jpg", "cat_/1.jpg", "Cat/2.jpg", "dog/1.jpg")
    dataset = read_folder(tmp_path, DataSettings(fold_labels=True))
    assert dataset.classes == ("Cat", "dog")
    assert remarks(dataset) == ["--fold-labels reads 'cat_' as 'Cat'."]


@pytest.mark.parametrize("name", ["a.jpg", "a.b.JPEG", "none", "dot.", "two..png", "b.\udce9", "a. png", "Ä.PNG"])
def test_a_suffix_is_what_pathlib_says(name):
    assert folder._suffix(name) == PurePosixPath(name).suffix.lower()
