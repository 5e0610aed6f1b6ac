"""More ways in which people write what they have: lists in cells, vectors as text, masks beside images, soft labels."""

from __future__ import annotations

import numpy as np
import pytest

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.list_cells import items_of, list_text
from labelaudit.sources.read import read_dataset
from tests.layouts import IDS, images


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings), several=True)


def texts(dataset):
    return " ".join(remark.text for remark in dataset.remarks)


def table(root, header, row, name="t.csv"):
    lines = [
        row.format(id=key, label=key[:3], n=n, dog=int(key.startswith("dog")), odd=n % 2) for n, key in enumerate(IDS)
    ]
    (root / name).write_text("\n".join([header, *lines] if header else lines) + "\n")
    return root / name


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('["a","b c"]', ["a", "b c"]),
        ("['a', 'b']", ["a", "b"]),
        ("['a' 'b']", ["a", "b"]),
        ("('a',)", ["a"]),
        ("('a', 'b')", ["a", "b"]),
        ("{a,b}", ["a", "b"]),
        ('{a,"b c"}', ["a", "b c"]),
        ("{}", []),
        ("[0 2]", [0, 2]),
        ("[0, 2]", [0, 2]),
    ],
)
def test_lists_in_cells_are_read_and_written_alike(text, items):
    assert items_of(text) == items
    assert list_text(items, text) == text
    assert items_of(list_text([*items, "z"] if items and isinstance(items[0], str) else items, text)) is not None


@pytest.mark.parametrize("text", ['{"a": 1}', "[", "(a", "a, b", "[x]y", "{a: b}", "[" * 9000 + "]" * 9000])
def test_other_texts_are_no_lists(text):
    assert items_of(text) is None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("{}", "{}/emu"),
        ("{}", "{} + emu"),
        ("{}", "{}&emu"),
        ("('{}',)", "('{}', 'emu')"),
        ("{{{}}}", "{{{},emu}}"),
        ("['{}']", "['{}' 'emu']"),
    ],
)
def test_several_labels_in_a_cell_are_not_a_class(tmp_path, one, two):
    cells = [one.format(name) for name in ("cat", "dog", "emu")] * 4 + [two.format("cat"), two.format("dog")]
    lines = [f"{n}.5;{cell}" for n, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join(["x;labels", *lines]))
    found = read(tmp_path / "t.csv").samples.several
    assert found is not None
    assert (found.names, found.has[-2].tolist()) == (("cat", "dog", "emu"), [True, False, True])


@pytest.mark.parametrize("cell", ["[0.5 {n}.25 1e-3]", "[0.5, {n}.25, 1e-3]"])
def test_vectors_that_are_written_as_text_are_vectors(tmp_path, cell):
    found = read(table(tmp_path, "embedding;label", cell + ";{label}"))
    assert found.kind == "embeddings"
    assert [(use.name, use.use) for use in found.columns] == [("embedding", "vector"), ("label", "label")]
    np.testing.assert_allclose(found.content.values[3], [0.5, 3.25, 0.001], rtol=1e-6)


def test_masks_beside_their_images_are_a_warning(tmp_path):
    images(tmp_path, "{label}/{id}.png")
    assert "with a word behind" not in texts(read(tmp_path))
    images(tmp_path, "{label}/{id}_mask.png")
    assert "'_mask' (12); all are read as samples" in texts(read(tmp_path))


def test_a_table_beside_class_folders_is_said_not_to_be_read(tmp_path):
    images(tmp_path, "{label}/{id}.png")
    table(tmp_path, "path,label", "{label}/{id}.png,other{odd}")
    assert "labels are from the folders; a table of labels is read where it is named itself" in texts(read(tmp_path))


def test_a_list_may_name_several_labels_of_an_image(tmp_path):
    images(tmp_path, "img/{id}.png")
    lines = [f"img/{key}.png {n % 3}" + (f" {(n + 1) % 3}" if n % 2 else "") for n, key in enumerate(IDS)]
    (tmp_path / "t.txt").write_text("\n".join(lines))
    found = read(tmp_path / "t.txt").samples.several
    assert found is not None
    assert (found.names, found.has[:2].tolist()) == (("0", "1", "2"), [[True, False, False], [False, True, True]])


def test_two_columns_of_texts_are_one_text(tmp_path):
    row = "a man walks along road {n}\tsomebody is outdoors {n}\t{label}"
    found = read(table(tmp_path, "premise\thypothesis\tlabel", row, "t.tsv"))
    assert found.content.read(2) == "a man walks along road 2\nsomebody is outdoors 2"


def test_the_hint_knows_columns_of_bits_and_of_shares(tmp_path):
    with pytest.raises(ConfigError, match=r"a column of 0 and 1 each: --label-column u,v,w\."):
        read(table(tmp_path, "x,u,v,w", "{n}.5,{dog},{odd},{dog}"))
    lines = [f"{n % 4}.5,{n / 20:.2f},{1 - n / 20:.2f}" for n in range(len(IDS))]
    (tmp_path / "s.csv").write_text("\n".join(["x,u,v", *lines]))
    with pytest.raises(ConfigError, match=r"The columns 'u', 'v' sum to 1, as probabilities of classes do"):
        read(tmp_path / "s.csv")


def test_what_cannot_be_learnt_from_names_embeddings(tmp_path):
    with pytest.raises(DataError, match=r"a vector for each row \(--embeddings FILE\.npy\)"):
        read(table(tmp_path, "url,label", "https://host.example/{id}.png?size=2,{label}"))


def test_a_comma_too_many_in_json_is_pointed_at(tmp_path):
    (tmp_path / "t.json").write_text('[{"x": 1, "label": "a"},\n{"x": 2, "label": "b"},\n]')
    with pytest.raises(DataError, match="comma behind the last row"):
        read(tmp_path / "t.json")
