"""A user's copy as a paper used it: classes, noise, trusted and held-out samples."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from labelaudit.core.dataset import Dataset, Vectors
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.lab.published_data import Sources, read_published_split, with_published_noise, with_trusted
from labelaudit.lab.published_tables import imagenet_classes, require_setting
from labelaudit.lab.reproduction import read_confusion
from labelaudit.noise.matrices import CIFAR10_CLASSES
from tests.published_copies import sources_of, synset, write_cifar10, write_cifar100, write_folders, write_webvision


def dataset(per_class=50, n_classes=10):
    given = np.arange(per_class * n_classes) % n_classes
    ids = tuple(f"s{i}" for i in range(len(given)))
    names = CIFAR10_CLASSES if n_classes == 10 else tuple(f"c{i:03d}" for i in range(n_classes))
    content = Vectors(np.arange(len(given), dtype=np.float32)[:, None], "features")
    return Dataset(Path("t"), ids, ids, given, names, content, np.zeros(len(given), dtype=np.bool_))


def nothing_needed(spec, rows):
    raise AssertionError("this noise needs no evidence")


def noisy(name, data=None, **options):
    data = dataset() if data is None else data
    wanted = {"seed": 0, "labels": None, "evidence": nothing_needed, **options}
    return with_published_noise(require_setting(name), data, data, **wanted)


def rows_of(part):
    return part.content.values[:, 0].astype(int)


def test_exact_noise_has_its_rate_and_leaves_the_test_samples_alone():
    split = noisy("drpl/cifar10/sym-excl-0.4")
    assert split.wrong == 0.4
    assert (split.train.given != dataset().given).mean() == 0.4
    assert split.test.given.tolist() == dataset().given.tolist()
    assert split.held_out is None


def test_noise_by_probability_has_its_rate_in_expectation_only():
    rates = [noisy("m-dyr-h/cifar10/sym-excl-0.4", seed=seed).wrong for seed in range(20)]
    assert len(set(rates)) > 5
    assert np.mean(rates) == pytest.approx(0.4, abs=0.03)


def test_the_same_seed_plants_the_same_noise():
    first, again, other = (noisy("drpl/cifar10/sym-excl-0.4", seed=seed).train.given.tolist() for seed in (3, 3, 4))
    assert first == again != other


def test_elr_holds_out_a_tenth_of_each_class_with_the_same_noise():
    split = noisy("elr+/cifar10/sym-incl-0.5")
    assert (len(split.train), len(split.held_out)) == (450, 50)
    assert sorted([*rows_of(split.train), *rows_of(split.held_out)]) == list(range(500))
    true = dataset().given[rows_of(split.held_out)]
    assert np.bincount(true).tolist() == [5] * 10
    assert (split.held_out.given != true).any()
    assert split.wrong == (split.train.given != dataset().given[rows_of(split.train)]).mean()


def test_trusted_samples_are_drawn_per_class_and_keep_their_labels():
    split = noisy("ieg/cifar10/sym-incl-0.8", with_trusted(dataset(), 10, seed=0))
    trusted = split.train.trusted
    assert np.bincount(dataset().given[trusted]).tolist() == [10] * 10
    assert (split.train.given == dataset().given)[trusted].all()
    assert not (split.train.given == dataset().given)[~trusted].all()


def test_noise_that_is_real_stays_and_its_rate_is_not_known():
    clothing = dataset(n_classes=14)
    split = noisy("elr+/clothing1m/real", clothing)
    assert (split.wrong, split.train.given.tolist()) == (None, clothing.given.tolist())


def test_labels_by_people_come_from_their_file(tmp_path):
    given = dataset().given.copy()
    given[:100] = (given[:100] + 1) % 10
    np.savez(tmp_path / "human.npz", label=given)
    split = noisy("elr/cifar10n/worst", labels=str(tmp_path / "human.npz"))
    assert (split.wrong, split.train.given.tolist(), split.held_out) == (0.2, given.tolist(), None)


def test_trusted_samples_keep_their_labels_also_where_a_file_has_the_noise(tmp_path):
    trusted = with_trusted(dataset(), 10, seed=0)
    np.savez(tmp_path / "semantic.npz", label=(dataset().given + 1) % 10)
    split = noisy("ieg/cifar10/semantic", trusted, labels=str(tmp_path / "semantic.npz"))
    assert (split.train.given == dataset().given).tolist() == split.train.trusted.tolist()
    assert split.wrong == 0.8


def test_the_official_file_is_read_by_the_column_of_the_setting(tmp_path):
    true = dataset().given
    columns = {
        "clean_label": true,
        "worse_label": (true + 1) % 10,
        "aggre_label": true,
        "random_label1": (true + 2) % 10,
    }
    torch.save(columns, tmp_path / "CIFAR-10_human.pt")
    file = str(tmp_path / "CIFAR-10_human.pt")
    assert noisy("elr/cifar10n/worst", labels=file).wrong == 1.0
    assert noisy("elr/cifar10n/aggregate", labels=file).wrong == 0.0
    assert noisy("elr/cifar10n/worst", labels=f"{file}:aggre_label").wrong == 0.0


def test_labels_are_asked_for_where_they_are_needed_and_refused_where_not():
    with pytest.raises(ConfigError, match="come from a file") as caught:
        noisy("elr/cifar10n/worst")
    assert caught.value.hint == "Name it with --labels FILE."
    with pytest.raises(ConfigError, match="its noise is planted") as caught:
        noisy("elr/cifar10/asym-0.4", labels="x.npy")
    assert caught.value.hint == "Leave --labels out."


def test_open_set_noise_shows_images_of_the_other_classes_under_the_labels_of_ours():
    large = dataset(per_class=4, n_classes=1000)
    split = noisy("drpl/imagenet32/open-set-0.4", large)
    assert (len(split.train), split.train.n_classes, split.wrong) == (400, 100, 0.4)
    shown = large.given[rows_of(split.train)]
    assert ((shown >= 100).sum(), (shown == split.train.given).sum()) == (160, 240)


def test_noise_by_confusion_asks_for_the_matrix():
    asked = []

    def evidence(spec, rows):
        asked.append((spec.name, spec.n_classes, len(rows)))
        return np.roll(np.eye(100), 1, axis=1)

    split = noisy("drpl/imagenet32/confusion-0.5", dataset(per_class=4, n_classes=100), evidence=evidence)
    assert asked == [("confusion", 100, 400)]
    wrong = split.train.given != dataset(per_class=4, n_classes=100).given
    assert wrong.mean() == 0.5
    assert ((split.train.given - dataset(per_class=4, n_classes=100).given)[wrong] % 100 == 1).mean() > 0.9


def put(root, name):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(root / name)


def read_split(root, name="drpl/cifar10/clean"):
    clean = read_published_split(require_setting(name), Sources(root), seed=0)
    return clean.train, clean.test


def test_class_folders_below_train_and_test_are_read_as_a_pair(tmp_path):
    for name in CIFAR10_CLASSES:
        put(tmp_path, f"train/{name}/1.png")
    put(tmp_path, "test/dog/1.png")
    put(tmp_path, "test/ship/1.png")
    train, test = read_split(tmp_path)
    assert (len(train), test.classes, test.given.tolist()) == (10, train.classes, [5, 8])
    assert any("10 training images; the published figures are of 50,000" in remark.text for remark in train.remarks)


def test_another_dataset_is_refused_with_its_classes(tmp_path):
    for name in ("cat", "dog"):
        put(tmp_path, f"train/{name}/1.png")
        put(tmp_path, f"test/{name}/1.png")
    with pytest.raises(DataError, match="2 classes, but cifar10 has 10: cat, dog"):
        read_split(tmp_path)


def test_a_test_class_that_training_lacks_is_named(tmp_path):
    for name in CIFAR10_CLASSES:
        put(tmp_path, f"train/{name}/1.png")
    put(tmp_path, "test/zebra/1.png")
    with pytest.raises(DataError, match="test classes that training does not have: 'zebra'"):
        read_split(tmp_path)


def write_imagenet(root, n=1000):
    rows = np.zeros((n, 3 * 32 * 32), dtype=np.uint8)
    labels = np.arange(n) % 1000 + 1
    np.savez(root / "train_data_batch_1.npz", data=rows, labels=labels)
    np.savez(root / "val_data.npz", data=rows, labels=labels)


def test_imagenet_is_read_as_its_hundred_classes_in_the_published_order(tmp_path):
    write_imagenet(tmp_path)
    train, test = read_split(tmp_path, "drpl/imagenet32/sym-excl-0.4")
    assert (len(train), train.n_classes, test.n_classes) == (100, 100, 100)
    chosen = imagenet_classes()
    assert train.classes == tuple(str(number + 1) for number in chosen)
    assert [chosen[label] for label in train.given] == sorted(chosen)


def test_open_set_noise_gets_the_other_nine_hundred_classes_as_well(tmp_path):
    write_imagenet(tmp_path)
    train, test = read_split(tmp_path, "drpl/imagenet32/open-set-0.4")
    assert (len(train), train.n_classes, test.n_classes, len(test)) == (1000, 1000, 100, 100)
    assert train.classes[:100] == test.classes
    with pytest.raises(ValueError, match="Dataset"):
        dataclasses.replace(test, given=test.given + 100)


def clean_of(name, root):
    setting = require_setting(name)
    return read_published_split(setting, sources_of(setting, root), seed=0)


def test_foreign_images_are_one_class_more_that_noise_puts_in_the_place_of_ours(tmp_path):
    write_cifar10(tmp_path / "cifar10-10")
    write_cifar10(tmp_path / "cifar10-0")
    write_cifar100(tmp_path / "cifar100-10", per_class=1)
    write_folders(tmp_path / "imagenet", ["n01", "n02"], 6)
    clean = clean_of("ieg/cifar10/open-both", tmp_path)
    assert clean.train.classes == (*CIFAR10_CLASSES, "foreign")
    assert np.bincount(clean.train.given).tolist()[10] == 24  # twelve from each
    assert clean.train.trusted.sum() == 20
    assert clean.train.content.read(len(clean.train) - 1) == (tmp_path / "imagenet/n02/5.png").read_bytes()
    assert not clean.train.trusted[clean.train.given == 10].any()
    plain = clean_of("ce/cifar10/open-both/wrn-28-10", tmp_path)
    split = noisy("ce/cifar10/open-both/wrn-28-10", plain.train)
    assert split.train.classes == CIFAR10_CLASSES
    assert split.is_wrong.tolist() == [name.startswith("foreign") for name in split.train.paths]
    assert split.is_wrong.sum() == 12
    with pytest.raises(ConfigError, match=r"come from CIFAR-100 and ImageNet: 2 folder\(s\), not 0"):
        read_published_split(require_setting("ieg/cifar10/open-both"), Sources(tmp_path / "cifar10-10"), seed=0)


def test_web_images_get_trusted_ones_of_imagenet_and_its_validation_images_by_their_synsets(tmp_path):
    write_webvision(tmp_path / "webvision")
    write_folders(tmp_path / "imagenet", [synset(3), synset(1), "n99999999"], 12)
    clean = clean_of("ieg/webvision-mini/real", tmp_path)
    assert np.bincount(clean.train.given[clean.train.trusted]).tolist() == [0, 10, 0, 10]
    assert (len(clean.train), len(clean.test)) == (100 + 20, 50)
    assert np.bincount(clean.other_test.given).tolist() == [0, 12, 0, 12]
    assert clean.other_test.classes == clean.train.classes
    with pytest.raises(ConfigError, match="its trusted images come from ImageNet, 10 of each class") as caught:
        read_published_split(require_setting("ieg/webvision-mini/real"), Sources(tmp_path / "webvision"), seed=0)
    assert caught.value.hint == "Name the class folders with --trusted DIR."


def test_a_confusion_of_all_imagenet_is_brought_into_the_order_of_our_classes(tmp_path):
    whole = np.arange(1_000_000, dtype=np.float32).reshape(1000, 1000)
    np.save(tmp_path / "all.npy", whole)
    inside = list(imagenet_classes())
    few = read_confusion(require_setting("drpl/imagenet32/confusion-0.3"), str(tmp_path / "all.npy"), 100)
    assert few[3, 7] == whole[inside[3], inside[7]]
    others = [number for number in range(1000) if number not in inside]
    many = read_confusion(require_setting("drpl/imagenet32/open-confusion-0.3"), str(tmp_path / "all.npy"), 1000)
    assert many[3, 100] == whole[inside[3], others[0]]
    assert many[100, 3] == whole[others[0], inside[3]]
    np.save(tmp_path / "few.npy", whole[:100, :100])
    assert (
        read_confusion(require_setting("drpl/imagenet32/confusion-0.3"), str(tmp_path / "few.npy"), 100)[3, 7] == 3007
    )
    with pytest.raises(DataError, match="100 rows"):
        read_confusion(require_setting("drpl/imagenet32/open-confusion-0.3"), str(tmp_path / "few.npy"), 1000)
