"""The table of samples: its checks, rows set aside, and the fingerprint."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from labelaudit.core.dataset import (
    Dataset,
    EmbeddedImages,
    FilesBelow,
    ImageFiles,
    Probabilities,
    Remark,
    SetAside,
    Vectors,
    fingerprint,
)
from labelaudit.core.errors import DataError

IDS = ("a", "b", "c", "d")
HASHES = ("h0", "h1", "h2", "h3")


def dataset(**changes: Any) -> Dataset:
    fields: dict[str, Any] = {
        "source": Path("pets"),
        "sample_ids": IDS,
        "paths": ("a.png", "b.png", "c.png", "d.png"),
        "given": np.array([0, 1, 1, 2]),
        "classes": ("cat", "dog", "elk", "fox"),
        "content": Vectors(np.arange(8, dtype=np.float32).reshape(4, 2), "features"),
        "trusted": np.array([True, False, False, True]),
    }
    return Dataset(**fields | changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paths": ("a.png",)}, "Dataset.paths has 1 entries for 4 samples"),
        ({"given": np.array([0, 1])}, "Dataset.given has 2 entries for 4 samples"),
        ({"content": ImageFiles(())}, "Dataset.content has 0 entries for 4 samples"),
        ({"trusted": np.zeros(5, dtype=bool)}, "Dataset.trusted has 5 entries for 4 samples"),
        ({"given": np.array([0, 1, 1, 4])}, "Dataset.given must lie in 0..3"),
        ({"given": np.array([0, -1, 1, 2])}, "Dataset.given must lie in 0..3"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        dataset(**change)


def test_repeated_ids_are_named_and_counted():
    with pytest.raises(DataError) as caught:
        dataset(sample_ids=("b", "a", "b", "a"))
    assert caught.value.problem == "pets: 2 sample ids occur more than once: 'a', 'b'."
    assert "--id-column" in str(caught.value)


def test_more_than_five_repeated_ids_are_shortened():
    names = [f"s{number}" for number in range(8)]
    with pytest.raises(DataError, match="8 sample ids occur more than once: 's0', 's1', 's2', 's3', 's4' and 3 more"):
        dataset(
            sample_ids=tuple(names * 2),
            paths=tuple(names * 2),
            given=np.zeros(16, dtype=np.int64),
            content=Vectors(np.zeros((16, 1), dtype=np.float32), "features"),
            trusted=np.zeros(16, dtype=bool),
        )


def test_class_counts_include_the_classes_without_samples():
    assert dataset().class_counts().tolist() == [1, 2, 1, 0]
    assert (len(dataset()), dataset().n_classes, dataset().kind) == (4, 4, "features")


def test_rows_set_aside_leave_every_column_and_are_kept_behind_the_earlier_ones():
    early, late = (SetAside(name, name, "dog", "unreadable", "torn") for name in ("z", "b"))
    kept = dataset(set_aside=(early,)).without([(1, late)])
    assert kept.sample_ids == ("a", "c", "d")
    assert kept.paths == ("a.png", "c.png", "d.png")
    assert kept.given.tolist() == [0, 1, 2]
    assert kept.trusted.tolist() == [True, False, True]
    assert isinstance(kept.content, Vectors)
    assert kept.content.values.tolist() == [[0, 1], [4, 5], [6, 7]]
    assert kept.content.kind == "features"
    assert kept.set_aside == (early, late)
    assert kept.classes == dataset().classes


def test_setting_nothing_aside_changes_nothing():
    whole = dataset()
    assert whole.without([]) is whole


def test_setting_everything_aside_leaves_an_empty_dataset():
    rows = [(i, SetAside(name, name, None, "missing-label", "")) for i, name in enumerate(IDS)]
    empty = dataset().without(rows)
    assert (len(empty), len(empty.content), len(empty.set_aside)) == (0, 0, 4)
    assert empty.class_counts().tolist() == [0, 0, 0, 0]


def test_every_kind_of_content_takes_the_rows_that_are_kept(tmp_path):
    keep = np.array([2, 0])
    files = ImageFiles(tuple(tmp_path / name for name in IDS))
    for number, file in enumerate(files.files):
        file.write_bytes(bytes([number]))
    assert [files.take(keep).read(i) for i in range(2)] == [b"\2", b"\0"]
    cells = pa.chunked_array([[b"0", b"1"], [None, b"3", b"4"]], type=pa.binary())
    embedded = EmbeddedImages(cells, ("a", "c", "e"), (0, 2, 4))
    taken = embedded.take(keep)
    assert [taken.read(i) for i in range(2)] == [b"4", b"0"]
    assert taken.names == ("e", "a")
    assert embedded.read(1) == b""  # a null cell
    probs = Probabilities(np.eye(3, dtype=np.float32)).take(keep)
    assert probs.values.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert (files.kind, embedded.kind, probs.kind) == ("images", "images", "probs")


def test_the_files_of_a_folder_equal_a_list_of_paths(tmp_path):
    folder, paths = FilesBelow(tmp_path, IDS), tuple(tmp_path / name for name in IDS)
    keep = np.array([2, 0])
    assert len(folder) == len(paths)
    assert (tuple(folder), tuple(folder[1:3]), tuple(folder.take(keep))) == (paths, paths[1:3], (paths[2], paths[0]))
    few, many = ImageFiles(folder).take(keep), ImageFiles(paths).take(keep)
    assert [*few.texts()] == [*many.texts()] == [str(paths[2]), str(paths[0])]
    paths[2].write_bytes(b"two")
    assert few.read(0) == b"two"


def test_remarks_are_added_behind_the_earlier_ones():
    first, second = Remark("note", "one"), Remark("warning", "two")
    assert dataset().with_remarks(first).with_remarks(second).remarks == (first, second)


def test_the_fingerprint_is_16_hex_digits_that_stay():
    assert fingerprint(dataset(), HASHES) == fingerprint(dataset(), HASHES)
    assert re.fullmatch("[0-9a-f]{16}", fingerprint(dataset(), HASHES))


@pytest.mark.parametrize(
    "change",
    [
        {"given": np.array([0, 1, 1, 1])},
        {"sample_ids": ("a", "b", "c", "e")},
        {"classes": ("cat", "dog", "eel", "fox")},
        {"classes": ("cat", "dog", "elk", "fox", "gnu")},
    ],
)
def test_the_fingerprint_changes_with_a_label_an_id_or_the_classes(change):
    assert fingerprint(dataset(**change), HASHES) != fingerprint(dataset(), HASHES)


def test_the_fingerprint_changes_with_the_content_and_with_whose_it_is():
    assert fingerprint(dataset(), ("h0", "h1", "h2", "h9")) != fingerprint(dataset(), HASHES)
    assert fingerprint(dataset(), ("h1", "h0", "h2", "h3")) != fingerprint(dataset(), HASHES)


def test_the_fingerprint_changes_when_a_sample_is_left_out():
    fewer = dataset().without([(3, SetAside("d", "d", None, "unreadable", ""))])
    assert fingerprint(fewer, HASHES[:3]) != fingerprint(dataset(), HASHES)


def test_the_fingerprint_ignores_the_order_of_the_samples():
    order = [2, 0, 3, 1]
    shuffled = replace(dataset(), sample_ids=tuple(IDS[i] for i in order), given=dataset().given[order])
    assert fingerprint(shuffled, [HASHES[i] for i in order]) == fingerprint(dataset(), HASHES)


def test_the_fingerprint_takes_file_names_that_are_not_utf8():
    odd = dataset(sample_ids=("a\udcff", "b", "c", "d"))
    assert fingerprint(odd, HASHES) != fingerprint(dataset(), HASHES)


def test_the_fingerprint_of_many_samples_is_that_of_one_row_after_the_other(monkeypatch):
    digest = hashlib.sha256(("\x1f".join(("classes", *dataset().classes)) + "\x1e").encode())
    labels = [dataset().classes[label] for label in dataset().given]
    for row in sorted(zip(IDS, HASHES, labels, strict=True)):
        digest.update(("\x1f".join(row) + "\x1e").encode())
    for rows_at_a_time in (1, 2, 5, 100):
        monkeypatch.setattr("labelaudit.core.dataset._BLOCK", rows_at_a_time)
        assert fingerprint(dataset(), HASHES) == digest.hexdigest()[:16]


def test_the_fingerprint_needs_a_hash_for_every_sample():
    with pytest.raises(ValueError, match="shorter"):
        fingerprint(dataset(), HASHES[:3])
