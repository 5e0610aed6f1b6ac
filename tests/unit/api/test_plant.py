"""What plant writes: noisy tables and folders that a scan reads at once, with the truth beside them."""

import csv
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from labelaudit.api.plant import plant
from labelaudit.core.dataset import EmbeddedImages, ImageFiles, Vectors
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from tests.cli.terminal import write_flowers, write_photos


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def images_of(dataset):
    """Return the bytes of every image."""
    assert isinstance(dataset.content, ImageFiles | EmbeddedImages)
    return [dataset.content.read(index) for index in range(len(dataset))]


def require_truth(found, dataset):
    """Compare what a scan would read with the truth."""
    truth = {row["sample_id"]: row for row in read_csv(found.truth)}
    assert set(truth) == set(dataset.sample_ids)
    for name, label in zip(dataset.sample_ids, dataset.given, strict=True):
        assert truth[name]["given_label"] == dataset.classes[label]
    wrong = sum(row["given_label"] != row["true_label"] for row in truth.values())
    assert (found.samples, found.wrong) == (len(truth), wrong)
    assert found.rate == pytest.approx(wrong / len(truth))
    return truth


@pytest.mark.parametrize("name", ["n.csv", "n.tsv", "n.parquet", "n.jsonl"])
def test_a_table_is_copied_with_other_labels(here, name):
    write_flowers(here)
    found = plant("flowers.csv", f"out/{name}", noise="sym:0.25", label_column="species")
    noisy = read_dataset(here / "out" / name, DataSettings(label_column="species"))
    truth = require_truth(found, noisy)
    assert found.wrong == 30
    assert found.command == f"labelaudit scan out/{name} --label-column species"
    before = read_dataset(here / "flowers.csv", DataSettings(label_column="species"))
    assert noisy.sample_ids == before.sample_ids
    assert isinstance(noisy.content, Vectors)
    assert isinstance(before.content, Vectors)
    assert np.array_equal(noisy.content.values, before.content.values)
    assert [truth[i]["true_label"] for i in before.sample_ids] == [before.classes[label] for label in before.given]


def test_a_folder_becomes_a_list_of_the_images_where_they_are(here):
    write_photos(here)
    found = plant(here / "photos", "lists/n.csv", noise="pair:0.25")
    noisy, before = read_dataset(found.path, DataSettings()), read_dataset(here / "photos", DataSettings())
    require_truth(found, noisy)
    assert found.truth.name == "n.truth.csv"
    assert found.wrong == 6
    assert noisy.sample_ids == before.sample_ids
    assert images_of(noisy) == images_of(before)
    assert read_csv(found.path)[0]["path"].startswith("../photos/cat/")


def test_a_table_of_paths_still_leads_to_its_images_from_another_folder(here):
    write_photos(here)
    rows = [f"{p.relative_to(here / 'photos').as_posix()},{p.parent.name}" for p in (here / "photos").rglob("*.png")]
    (here / "labels.csv").write_text("\n".join(["image,label", *sorted(rows)]) + "\n")
    found = plant("labels.csv", "elsewhere/n.csv", noise="sym:0.5", image_root="photos")
    noisy = read_dataset(found.path, DataSettings())
    before = read_dataset(here / "labels.csv", DataSettings(image_root="photos"))
    require_truth(found, noisy)
    assert noisy.sample_ids == before.sample_ids
    assert images_of(noisy) == images_of(before)


def test_copies_are_sorted_by_their_noisy_label_and_named_by_number(here):
    write_photos(here)
    found = plant("photos", "noisy", noise="sym:0.25", copy=True)
    noisy = read_dataset(found.path, DataSettings())
    truth = require_truth(found, noisy)
    assert found.truth.name == "noisy.truth.csv"
    assert sorted(name.split("/")[1] for name in truth) == [f"{number:06d}.png" for number in range(24)]
    before = read_dataset(here / "photos", DataSettings())
    assert Counter(images_of(noisy)) == Counter(images_of(before))


def test_an_open_set_in_a_table_shows_rows_of_the_class_that_was_left_out(here):
    write_flowers(here)
    found = plant("flowers.csv", "n.csv", noise="open_set:0.25:1", label_column="species")
    truth = read_csv(found.truth)
    before = pd.read_csv("flowers.csv").set_index("id")
    after = pd.read_csv("n.csv").set_index("id")
    replaced = [row["sample_id"] for row in truth if row["true_label"] == ""]
    assert len(replaced) == found.wrong == 20
    assert set(after["species"]) == {"setosa", "versicolor"}
    left_out = before.loc[before["species"] == "virginica", ["length", "width"]].to_numpy().tolist()
    assert all(after.loc[name, ["length", "width"]].tolist() in left_out for name in replaced)
    same = [name for name in after.index if name not in replaced]
    assert after.loc[same, "length"].tolist() == before.loc[same, "length"].tolist()


def test_only_the_split_that_was_read_is_copied(here):
    lines = ["x,label,split", *(f"{i},{'ab'[i % 2]},{'train' if i < 40 else 'test'}" for i in range(60))]
    (here / "t.csv").write_text("\n".join(lines) + "\n")
    found = plant("t.csv", "n.csv", noise="sym:0.5")
    assert (found.samples, found.wrong) == (40, 20)
    assert list(pd.read_csv("n.csv").columns) == ["x", "label", "sample_id"]
    require_truth(found, read_dataset(here / "n.csv", DataSettings()))


def test_noise_by_the_sample_trains_a_small_classifier(here):
    write_flowers(here)
    found = plant("flowers.csv", "n.csv", noise="instance:0.3", label_column="species", device="cpu")
    assert 0.15 < found.rate < 0.45


def test_nothing_is_overwritten(here):
    write_flowers(here)
    plant("flowers.csv", "n.csv", label_column="species")
    before = (here / "n.csv").read_bytes()
    with pytest.raises(ConfigError, match=r"n\.csv exists already, and plant overwrites nothing"):
        plant("flowers.csv", "n.csv", label_column="species", seed=1)
    with pytest.raises(ConfigError, match=r"n\.truth\.csv exists already"):
        plant("flowers.csv", "n.parquet", label_column="species")
    assert (here / "n.csv").read_bytes() == before


def test_what_cannot_be_written_is_told_with_the_next_step(here):
    write_flowers(here)
    with pytest.raises(ConfigError, match=r"noisy is no table: .*\.csv.*\nName noisy\.csv, or add --copy"):
        plant("flowers.csv", "noisy", label_column="species")
    with pytest.raises(ConfigError, match=r"its samples are no image files.*\nLeave --copy out"):
        plant("flowers.csv", "noisy", label_column="species", copy=True)
    with pytest.raises((ConfigError, DataError), match="gone"):
        plant("gone.csv", "n.csv")


def test_images_in_a_table_are_copied_to_parquet_and_refused_in_text(here):
    write_photos(here)
    files = sorted((here / "photos").rglob("*.png"))
    frame = pd.DataFrame({"image": [p.read_bytes() for p in files], "label": [p.parent.name for p in files]})
    frame.to_parquet("photos.parquet")
    with pytest.raises(ConfigError, match=r"n\.csv: column 'image' holds images, not text\.\nName a \.parquet file"):
        plant("photos.parquet", "n.csv")
    found = plant("photos.parquet", "n.parquet", noise="sym:0.25")
    noisy = read_dataset(here / "n.parquet", DataSettings())
    require_truth(found, noisy)
    assert images_of(noisy) == frame["image"].tolist()


def test_embeddings_keep_their_rows(here):
    write_flowers(here)
    np.save("e.npy", np.zeros((120, 2)))
    found = plant("flowers.csv", "n.csv", noise="sym:0.1", label_column="species", embeddings="e.npy")
    assert found.command == "labelaudit scan n.csv --label-column species --embeddings e.npy"
    assert found.wrong == 12
    with pytest.raises(ConfigError, match="--embeddings needs all 120 rows in their order, and 57 would be left"):
        plant("flowers.csv", "m.csv", noise="sym:0.1", label_column="species", embeddings="e.npy", tail=10)
