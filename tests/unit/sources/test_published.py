"""Datasets in the layouts that they are published in, made up in miniature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelaudit.core.dataset import StreamedImages
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import decode_image
from labelaudit.noise.matrices import CIFAR10_CLASSES
from labelaudit.sources import pixel_batches
from labelaudit.sources.read import read_dataset
from labelaudit.sources.webvision import read_webvision
from tests.published_copies import dump, pixel_rows, write_cifar10


def remarks(dataset):
    return " ".join(remark.text for remark in dataset.remarks)


def pixels_of(dataset, index, side=32):
    return decode_image(dataset.content.read(index), dataset.paths[index], side).pixels


def as_image(row, side=32):
    return row.reshape(3, side, side).transpose(1, 2, 0)


def put_image(path, colour=(200, 10, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 7), colour).save(path, format="JPEG")


def put_text(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def test_cifar10_is_read_from_its_python_batches_in_the_published_order(tmp_path):
    write_cifar10(tmp_path)
    dataset = read_dataset(tmp_path, DataSettings())
    assert len(dataset) == 20
    assert dataset.classes == CIFAR10_CLASSES
    assert dataset.given[:5].tolist() == [1, 2, 3, 4, 2]
    assert dataset.sample_ids[:2] == ("train/0000000", "train/0000001")
    assert dataset.paths[4] == "data_batch_2:0"
    assert "published layout of CIFAR-10 (python batches)" in remarks(dataset)
    assert "not test" in remarks(dataset)
    for index, (seed, row) in {0: (1, 0), 3: (1, 3), 4: (2, 0), 19: (5, 3)}.items():
        assert pixels_of(dataset, index).tolist() == as_image(pixel_rows(4, seed=seed)[row]).tolist()


def test_the_archives_own_folder_is_found_in_the_folder_around_it(tmp_path):
    write_cifar10(tmp_path / "cifar-10-batches-py")
    dataset = read_dataset(tmp_path, DataSettings(split="test"))
    assert dataset.given.tolist() == [9, 0, 3]
    assert dataset.split == "test"
    assert pixels_of(dataset, 2).tolist() == as_image(pixel_rows(3, seed=9)[2]).tolist()


def test_every_split_of_cifar_can_be_read_at_once(tmp_path):
    write_cifar10(tmp_path)
    dataset = read_dataset(tmp_path, DataSettings(split="all"))
    assert (len(dataset), dataset.sample_ids[0], dataset.sample_ids[-1]) == (23, "test/0000000", "train/0000019")


def test_cifar10_is_read_from_its_binary_batches(tmp_path):
    for number in range(1, 6):
        labels = np.array([[number], [9]], dtype=np.uint8)
        (tmp_path / f"data_batch_{number}.bin").write_bytes(np.hstack([labels, pixel_rows(2, seed=number)]).tobytes())
    put_text(tmp_path / "batches.meta.txt", *CIFAR10_CLASSES, "")
    dataset = read_dataset(tmp_path, DataSettings())
    assert dataset.classes == CIFAR10_CLASSES
    assert dataset.given.tolist() == [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]
    assert pixels_of(dataset, 2).tolist() == as_image(pixel_rows(2, seed=2)[0]).tolist()
    with pytest.raises(ConfigError, match="there is no split 'test'"):
        read_dataset(tmp_path, DataSettings(split="test"))


def test_cifar100_is_read_by_its_fine_labels_pickled_and_binary(tmp_path):
    names = [f"class{number:02d}" for number in range(100)]
    fine, coarse, rows = [7, 99, 0], [1, 2, 3], pixel_rows(3)
    pickled, binary = tmp_path / "pickled", tmp_path / "binary"
    for name in ("train", "test"):
        dump(pickled / name, {"data": rows, "fine_labels": fine, "coarse_labels": coarse, "filenames": ["a"] * 3})
        binary.mkdir(exist_ok=True)
        columns = [np.array(each, dtype=np.uint8)[:, None] for each in (coarse, fine)]
        (binary / f"{name}.bin").write_bytes(np.hstack([*columns, rows]).tobytes())
    dump(pickled / "meta", {"fine_label_names": names, "coarse_label_names": ["big"] * 20})
    put_text(binary / "fine_label_names.txt", *names)
    for folder in (pickled, binary):
        dataset = read_dataset(folder, DataSettings())
        assert dataset.given.tolist() == fine
        assert dataset.classes == tuple(names)
        assert pixels_of(dataset, 1).tolist() == as_image(rows[1]).tolist()


def test_a_binary_batch_that_is_cut_off_is_refused_with_its_size(tmp_path):
    (tmp_path / "data_batch_1.bin").write_bytes(b"x" * 3000)
    put_text(tmp_path / "batches.meta.txt", *CIFAR10_CLASSES)
    with pytest.raises(DataError, match=r"data_batch_1\.bin: 3,000 bytes are no whole number of images of 3,073 bytes"):
        read_dataset(tmp_path, DataSettings())


def test_a_label_outside_of_the_classes_is_refused(tmp_path):
    write_cifar10(tmp_path)
    dump(tmp_path / "data_batch_3", {"data": pixel_rows(2), "labels": [0, 10]})
    with pytest.raises(DataError, match="data_batch_3: labels run from 0 to 10, outside of the 10 classes"):
        read_dataset(tmp_path, DataSettings())


def test_a_batch_without_its_keys_says_what_it_holds(tmp_path):
    write_cifar10(tmp_path)
    dump(tmp_path / "data_batch_2", {"pixels": 1})
    with pytest.raises(DataError, match=r"data_batch_2: no 'labels' and 'data' in it; it holds 'pixels'"):
        read_dataset(tmp_path, DataSettings())


def make_imagenet(root, *, side, npz):
    for number in (1, 2, 10):
        columns: dict[str, Any] = {
            "data": pixel_rows(2, side, seed=number),
            "labels": [number, 1000],
            "mean": np.zeros(3 * side * side),
        }
        folder = root / f"Imagenet{side}_train"
        if npz:
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(folder / f"train_data_batch_{number}.npz", **columns)
        else:
            dump(folder / f"train_data_batch_{number}", columns)
    columns = {"data": pixel_rows(1, side), "labels": [5]}
    if npz:
        np.savez(root / "val_data.npz", **columns)
    else:
        dump(root / "val_data", columns)


@pytest.mark.parametrize(("side", "npz"), [(32, True), (32, False), (64, True), (64, False)])
def test_downsampled_imagenet_is_read_from_both_of_its_formats(tmp_path, side, npz):
    make_imagenet(tmp_path, side=side, npz=npz)
    put_text(tmp_path / "map_clsloc.txt", "n02119789 1 kit_fox", "n02100735 2 English_setter")
    dataset = read_dataset(tmp_path, DataSettings())
    assert dataset.n_classes == 1000
    assert dataset.classes[:3] == ("n02119789 kit_fox", "n02100735 English_setter", "3")
    assert dataset.given.tolist() == [0, 999, 1, 999, 9, 999]
    assert pixels_of(dataset, 5, side).tolist() == as_image(pixel_rows(2, side, seed=10)[1], side).tolist()
    assert read_dataset(tmp_path, DataSettings(split="val")).given.tolist() == [4]
    assert "downsampled ImageNet" in remarks(dataset)


def test_few_batches_are_in_memory_at_a_time(tmp_path, monkeypatch):
    make_imagenet(tmp_path, side=32, npz=True)
    monkeypatch.setattr(pixel_batches, "_KEPT_BYTES", 5_000)  # less than one batch
    dataset = read_dataset(tmp_path, DataSettings())
    for index in (0, 5, 2, 1, 4):
        expected = pixel_rows(2, seed=(1, 2, 10)[index // 2])[index % 2]
        assert pixels_of(dataset, index).tolist() == as_image(expected).tolist()
    assert isinstance(dataset.content, StreamedImages)
    assert len(dataset.content.reader._kept) <= 2  # type: ignore[attr-defined]


def make_webvision(root):
    put_text(root / "info/synsets.txt", "n01440764 tench, Tinca tinca", "n01443537 goldfish, Carassius", "n02 crane")
    google = ["google/q0001/a.jpg 0", "google/q0002/b.jpg 1", "google/q0003/c.jpg 2", "google/q0004/gone.jpg 1"]
    put_text(root / "info/train_filelist_google.txt", *google)
    put_text(root / "info/train_filelist_flickr.txt", "flickr/q0001/d.jpg 0")
    put_text(root / "info/val_filelist.txt", "val000001.jpg 1", "val000002.jpg 2")
    for name in ("google/q0001/a.jpg", "google/q0002/b.jpg", "google/q0003/c.jpg", "flickr/q0001/d.jpg"):
        put_image(root / name)
    put_image(root / "val_images_256/val000001.jpg")
    put_image(root / "val_images_256/val000002.jpg")


def test_webvision_is_read_by_its_lists(tmp_path):
    make_webvision(tmp_path)
    dataset = read_dataset(tmp_path, DataSettings())
    names = ("google/q0001/a.jpg", "google/q0002/b.jpg", "google/q0003/c.jpg", "flickr/q0001/d.jpg")
    assert dataset.sample_ids == names
    assert dataset.given.tolist() == [0, 1, 2, 0]
    assert dataset.classes == ("n01440764 tench", "n01443537 goldfish", "n02 crane")
    assert "published layout of WebVision 1.0: images of google and flickr" in remarks(dataset)
    assert "1 listed image in folders that are not here, left out: google/q0004" in remarks(dataset)
    assert pixels_of(dataset, 3, 8).shape == (8, 8, 3)


def test_mini_webvision_is_the_first_classes_of_google(tmp_path):
    make_webvision(tmp_path)
    mini = read_webvision(tmp_path, "train", engines=("google",), first_classes=2)
    assert mini.sample_ids == ("google/q0001/a.jpg", "google/q0002/b.jpg")
    assert mini.n_classes == 2
    val = read_webvision(tmp_path, "val", engines=("google",), first_classes=2)
    assert val.sample_ids == ("val_images_256/val000001.jpg",)
    assert (val.classes, val.given.tolist()) == (("n01443537 goldfish",), [0])


def test_webvision_without_images_says_what_to_unpack(tmp_path):
    put_text(tmp_path / "info/train_filelist_google.txt", "google/q0001/a.jpg 0")
    with pytest.raises(DataError, match=r"no folder of its images.\nUnpack .* google, flickr, val_images_256"):
        read_dataset(tmp_path, DataSettings())


def test_a_line_that_is_no_path_and_number_is_named(tmp_path):
    make_webvision(tmp_path)
    put_text(tmp_path / "info/train_filelist_flickr.txt", "flickr/q0001/d.jpg zero")
    with pytest.raises(DataError, match=r"train_filelist_flickr\.txt:1: 'flickr/q0001/d\.jpg zero': expected a path"):
        read_dataset(tmp_path, DataSettings())


def make_clothing(root, lists="."):
    keys = [f"images/{number}/0{number}/1,2{number}.jpg" for number in range(5)]
    folder = root / lists
    put_text(folder / "noisy_train_key_list.txt", *keys[:3], "images/9/99/unlabelled.jpg")
    put_text(folder / "noisy_label_kv.txt", *(f"{key} {number * 6}" for number, key in enumerate(keys[:3])))
    for name, key in {"train": keys[0], "val": keys[3], "test": keys[4]}.items():
        put_text(folder / f"clean_{name}_key_list.txt", key)
    put_text(folder / "clean_label_kv.txt", *(f"{key} 1" for key in keys))
    put_text(folder / "category_names_eng.txt", "T-Shirt", "Shirt", *(f"kind {number}" for number in range(2, 14)))
    for key in keys:
        put_image(root / key)
    return keys


@pytest.mark.parametrize("lists", [".", "annotations"])
def test_clothing1m_is_read_by_its_key_lists(tmp_path, lists):
    keys = make_clothing(tmp_path, lists)
    dataset = read_dataset(tmp_path, DataSettings())
    assert dataset.sample_ids == tuple(keys[:3])
    assert dataset.classes == ("T-Shirt", "kind 6", "kind 12")
    assert dataset.given.tolist() == [0, 1, 2]
    assert [row.sample_id for row in dataset.set_aside] == ["images/9/99/unlabelled.jpg"]
    assert dataset.set_aside[0].detail == "noisy_train_key_list.txt:4: no label in noisy_label_kv.txt"
    assert "published layout of Clothing1M: noisy labels" in remarks(dataset)
    test = read_dataset(tmp_path, DataSettings(split="test"))
    assert (test.sample_ids, test.classes) == ((keys[4],), ("Shirt",))
    assert read_dataset(tmp_path, DataSettings(split="clean_train")).classes == ("Shirt",)
    with pytest.raises(DataError, match="share images"):
        read_dataset(tmp_path, DataSettings(split="all"))


def test_tiny_imagenet_is_read_with_its_list_of_validation_images(tmp_path):
    put_text(tmp_path / "wnids.txt", "n02", "n01")
    put_text(tmp_path / "words.txt", "n01\tgoldfish, Carassius auratus", "n02\tbullfrog", "n03\tnever")
    put_text(tmp_path / "val/val_annotations.txt", "val_0.JPEG\tn02\t0\t0\t62\t57")
    put_image(tmp_path / "val/images/val_0.JPEG")
    put_image(tmp_path / "train/n01/images/n01_0.JPEG")
    put_image(tmp_path / "train/n02/images/n02_0.JPEG")
    dataset = read_dataset(tmp_path, DataSettings())
    assert dataset.classes == ("n01 goldfish", "n02 bullfrog")
    assert dataset.sample_ids == ("train/n01/images/n01_0.JPEG", "train/n02/images/n02_0.JPEG")
    val = read_dataset(tmp_path, DataSettings(split="val"))
    assert (val.sample_ids, val.classes) == (("val/images/val_0.JPEG",), ("n02 bullfrog",))


def test_an_ordinary_folder_of_classes_is_still_one(tmp_path):
    put_image(tmp_path / "cat/1.jpg")
    put_image(tmp_path / "dog/1.jpg")
    dataset = read_dataset(tmp_path, DataSettings())
    assert dataset.classes == ("cat", "dog")
    assert "published layout" not in remarks(dataset)


def test_arrays_beside_a_published_layout_need_a_table(tmp_path):
    write_cifar10(tmp_path)
    with pytest.raises(ConfigError, match="--probs needs a table of labels"):
        read_dataset(tmp_path, DataSettings(probs="p.npy"))
