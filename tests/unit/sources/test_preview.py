"""What inspect shows: the use of each column, and the first samples as they are read."""

from __future__ import annotations

import numpy as np

from labelaudit.core.recipe import DataSettings
from labelaudit.sources.preview import first_samples
from labelaudit.sources.read import read_dataset
from tests.unit.sources.conftest import image_bytes


def table(root, text):
    (root / "t.csv").write_text(text)
    return root / "t.csv"


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def uses(dataset):
    return {each.name: each.use for each in dataset.columns}


def test_every_column_of_a_table_of_numbers_has_its_use(tmp_path):
    rows = [f"k{i},{i}.5,{'red' if i % 3 else 'blue'},same,{'ab'[i % 2]},train\n" for i in range(8)]
    dataset = read(table(tmp_path, "uid,x,colour,one,kind,split\n" + "".join(rows)), label_column="kind")
    assert uses(dataset) == {
        "uid": "id",
        "x": "number",
        "colour": "category",
        "one": "left out",
        "kind": "label",
        "split": "split",
    }
    whys = {each.name: each.why for each in dataset.columns}
    assert whys["one"] == "constant"
    assert whys["kind"] == "as asked"
    assert first_samples(dataset)[1] == {
        "sample_id": "k1",
        "path": "t.csv:3",
        "label": "b",
        "content": "x = 1.5, colour = red",
    }


def test_columns_beside_images_are_left_out_by_name(tmp_path):
    (tmp_path / "a.png").write_bytes(image_bytes(1))
    dataset = read(table(tmp_path, "path,label,year\na.png,x,1999\n"))
    assert uses(dataset) == {"path": "path", "label": "label", "year": "left out"}
    assert first_samples(dataset)[0]["content"] == f"an image of {len(image_bytes(1))} bytes"


def test_texts_vectors_and_probabilities_are_shown_in_a_line(tmp_path):
    source = table(tmp_path, "text,label\nit was all fine in the end,x\nit was not so good at all,y\n")
    assert first_samples(read(source))[0]["content"] == "it was all fine in the end"
    np.save(tmp_path / "e.npy", np.array([[1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0]]))
    shown = first_samples(read(source, embeddings=str(tmp_path / "e.npy")))
    assert shown[0]["content"] == "4 numbers: 1, 2, 3, ..."
    np.save(tmp_path / "p.npy", np.array([[0.9, 0.1], [0.25, 0.75]]))
    assert first_samples(read(source, probs=str(tmp_path / "p.npy")))[1]["content"] == "y 0.75, x 0.25"
