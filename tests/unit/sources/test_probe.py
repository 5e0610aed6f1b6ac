"""What stops an audit before it starts, and what is only said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelaudit.core.dataset import Dataset, ImageFiles, SetAside
from labelaudit.core.errors import DataError
from labelaudit.sources.labels import encode_labels
from labelaudit.sources.probe import check_dataset, find_duplicates


def dataset_of(labels, source=Path("labels.csv"), ids=None, **fields):
    given, classes, _ = encode_labels(labels, fold=False)
    names = ids or [f"{i}.jpg" for i in range(len(labels))]
    return Dataset(
        source=source,
        sample_ids=tuple(names),
        paths=tuple(names),
        given=given,
        classes=classes,
        content=ImageFiles(tuple(Path(name) for name in names)),
        trusted=np.zeros(len(names), dtype=bool),
        **fields,
    )


def test_a_sound_dataset_gets_no_remarks():
    assert check_dataset(dataset_of(["a", "b"] * 5)).remarks == ()


def test_no_samples_tells_what_became_of_them():
    aside = SetAside("1", "1", None, "missing-label", "labels.csv:2: empty")
    with pytest.raises(
        DataError, match=r"labels\.csv: no samples; 1 cannot be used, the first: labels\.csv:2: empty\."
    ):
        check_dataset(dataset_of([], set_aside=(aside,)))


def test_one_class_leaves_nothing_to_confuse(tmp_path):
    with pytest.raises(DataError, match=r"only one class, 'a', in 3 samples; nothing to confuse\.\n.*--label-column"):
        check_dataset(dataset_of(["a"] * 3))
    wrapped = dataset_of(["pets"] * 2, tmp_path, ["pets/cat/1.jpg", "pets/dog/1.jpg"])
    with pytest.raises(DataError, match=r"look like classes \(cat, dog\); scan \S+/pets instead"):
        check_dataset(wrapped)


def test_labels_that_are_nearly_all_different_are_hardly_classes(tmp_path):
    labels = ["id1", "id2", "id3", "id4", "id4"]
    with pytest.raises(
        DataError, match=r"4 different labels for 5 samples, such as 'id1', 'id2', 'id3' and 1 more.*\n.*column"
    ):
        check_dataset(dataset_of(labels))
    with pytest.raises(DataError, match="one level too high or too deep"):
        check_dataset(dataset_of(labels, tmp_path))
    assert len(check_dataset(dataset_of(["a", "b", "b"]))) == 3


def test_small_and_similar_classes_are_named_with_their_counts():
    labels = ["cat"] * 9 + ["Cat"] * 5 + ["rare"] * 2
    texts = [remark.text for remark in check_dataset(dataset_of(labels)).remarks]
    assert texts == [
        "Classes with fewer than 5 samples, too few to judge: rare (2).",
        "Class names that differ only in case, blanks or hyphens: 'Cat' (5) / 'cat' (9); "
        "--fold-labels reads them as one.",
    ]


def test_duplicates_are_grouped_and_conflicts_marked():
    group, conflict = find_duplicates(["x", "y", "z", "y", "x", "x"], np.array([0, 1, 0, 1, 0, 2]))
    assert group.tolist() == [0, 1, -1, 1, 0, 0]
    assert conflict.tolist() == [True, False, False, False, True, True]
    assert (str(group.dtype), str(conflict.dtype)) == ("int64", "bool")
    assert find_duplicates([], np.array([], dtype=np.int64))[0].tolist() == []


def duplicates_one_by_one(hashes, given):
    """The obvious way: the groups of equal hashes in order of appearance, and the labels in each."""
    members: dict[str, list[int]] = {}
    for i, name in enumerate(hashes):
        members.setdefault(name, []).append(i)
    group, conflict = [-1] * len(hashes), [False] * len(hashes)
    for number, twins in enumerate(twins for twins in members.values() if len(twins) > 1):
        for i in twins:
            group[i], conflict[i] = number, len({int(given[j]) for j in twins}) > 1
    return group, conflict


@pytest.mark.parametrize("distinct", [1, 5, 60, 10_000])
def test_duplicates_equal_those_found_one_by_one(distinct):
    rng = np.random.default_rng(distinct)
    hashes = [f"{number:x}" for number in rng.integers(0, distinct, 200)]
    given = rng.integers(0, 3, 200)
    group, conflict = find_duplicates(hashes, given)
    assert (group.tolist(), conflict.tolist()) == duplicates_one_by_one(hashes, given)
