"""Labels from files: how rows find their samples, and that no code in a file is run."""

import pickle  # noqa: TID251  (to write what is read here)
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from labelaudit.core.dataset import Dataset, Vectors
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.lab.label_files import read_labels_file

TRUE = np.array([0, 0, 1, 1, 2])
NOISY = np.array([0, 1, 1, 2, 2])


def dataset(given=TRUE, ids=("a", "b", "c", "d", "e"), classes=("cat", "dog", "elk")):
    n = len(given)
    content = Vectors(np.zeros((n, 1), dtype=np.float32), "features")
    return Dataset(Path("pets"), tuple(ids), tuple(ids), given, classes, content, np.zeros(n, dtype=np.bool_))


def test_an_array_belongs_to_the_samples_in_their_order(tmp_path):
    np.save(tmp_path / "n.npy", NOISY)
    assert read_labels_file(str(tmp_path / "n.npy"), dataset()).tolist() == NOISY.tolist()
    np.save(tmp_path / "short.npy", NOISY[:3])
    with pytest.raises(DataError, match=r"short\.npy: 3 labels, but the dataset has 5 samples"):
        read_labels_file(str(tmp_path / "short.npy"), dataset())


@pytest.mark.parametrize("modern", [True, False])
def test_a_file_like_those_of_cifar_n_is_joined_class_by_class(tmp_path, modern):
    columns = {
        "clean_label": np.array([2, 0, 1, 0, 1, 0, 2]),  # in another order, and with more samples
        "worse_label": np.array([2, 0, 1, 1, 2, 2, 0]),
        "random_label1": np.array([2, 0, 1, 0, 1, 0, 2]),
    }
    torch.save(columns, tmp_path / "human.pt", _use_new_zipfile_serialization=modern)
    given = read_labels_file(f"{tmp_path}/human.pt:worse_label", dataset())
    assert given.tolist() == [0, 1, 1, 2, 2]
    assert read_labels_file(f"{tmp_path}/human.pt:random_label1", dataset()).tolist() == TRUE.tolist()
    with pytest.raises(ConfigError, match=r"which column holds the noisy labels\? Columns: clean_label, worse_label, "):
        read_labels_file(f"{tmp_path}/human.pt", dataset())
    with pytest.raises(ConfigError, match=r"no column 'worst_label'.*\n.*Did you mean 'worse_label'"):
        read_labels_file(f"{tmp_path}/human.pt:worst_label", dataset())


def test_a_pickled_file_is_read_without_running_it(tmp_path):
    (tmp_path / "n.pkl").write_bytes(pickle.dumps({"label": NOISY}))
    assert read_labels_file(str(tmp_path / "n.pkl"), dataset()).tolist() == NOISY.tolist()
    (tmp_path / "code.pkl").write_bytes(pickle.dumps({"label": pickle.dumps}))
    with pytest.raises(DataError, match=r"code\.pkl cannot be read without running code in it"):
        read_labels_file(str(tmp_path / "code.pkl"), dataset())


def test_a_class_with_more_samples_than_labels_is_named(tmp_path):
    np.savez(tmp_path / "n.npz", clean_label=np.array([0, 1, 1, 2]), noisy_label=np.array([0, 1, 1, 2]))
    with pytest.raises(DataError, match="1 labels of class 'cat', but the dataset has 2 samples of it"):
        read_labels_file(str(tmp_path / "n.npz"), dataset())


def test_a_table_with_ids_is_joined_by_them_and_may_hold_names(tmp_path):
    rows = {"sample_id": list("edcbax"), "given_label": ["elk", "elk", "dog", "dog", "cat", "cat"]}
    pd.DataFrame(rows).to_csv(tmp_path / "n.csv", index=False)
    assert read_labels_file(str(tmp_path / "n.csv"), dataset()).tolist() == [0, 1, 1, 2, 2]
    with pytest.raises(DataError, match=r"n\.csv has no label for 1 samples: y"):
        read_labels_file(str(tmp_path / "n.csv"), dataset(ids=("a", "b", "c", "d", "y")))


def test_class_numbers_of_a_table_are_positions(tmp_path):
    pd.DataFrame({"clean_label": TRUE, "worse_label": NOISY}).to_csv(tmp_path / "n.csv", index=False)
    assert read_labels_file(f"{tmp_path}/n.csv:worse_label", dataset()).tolist() == NOISY.tolist()


def test_labels_that_are_no_class_are_named(tmp_path):
    pd.DataFrame({"label": ["cat", "cow", "dog", "cow", "yak"]}).to_csv(tmp_path / "n.csv", index=False)
    with pytest.raises(DataError, match=r"n\.csv, label: 3 labels are no class of pets: 'cow', 'yak'"):
        read_labels_file(str(tmp_path / "n.csv"), dataset())
    np.save(tmp_path / "n.npy", NOISY + 1)
    with pytest.raises(DataError, match=r"n\.npy, label: 2 labels are no class of pets: 3"):
        read_labels_file(str(tmp_path / "n.npy"), dataset())


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "sprung"))


@pytest.mark.parametrize("name", ["n.pt", "n.npy"])
def test_code_in_a_file_is_refused_and_not_run(tmp_path, name):
    sprung = tmp_path / "sprung"
    if name == "n.pt":
        torch.save({"label": Trap(sprung)}, tmp_path / name)
    else:
        np.save(tmp_path / name, np.array([Trap(sprung)], dtype=object))
    with pytest.raises(DataError, match=r"cannot be read without running code in it: .*\nWhere you trust it, convert"):
        read_labels_file(str(tmp_path / name), dataset())
    assert not sprung.exists()


def test_other_files_are_refused_with_what_is_read(tmp_path):
    (tmp_path / "n.doc").write_text("0\n")
    with pytest.raises(ConfigError, match=r"n\.doc: this kind of file is not read\.\nKnown: \.csv, .*\.pt"):
        read_labels_file(str(tmp_path / "n.doc"), dataset())
    with pytest.raises(ConfigError, match=r"--labels-file .*gone\.npy does not exist"):
        read_labels_file(str(tmp_path / "gone.npy"), dataset())
