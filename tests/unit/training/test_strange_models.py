"""Model files as a stranger may make them: refused in one sentence before memory is asked for."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from labelaudit.core.errors import DataError
from labelaudit.core.model_facts import ModelFacts
from labelaudit.training.model_file import StoredModel, build_networks, read_model, write_model
from labelaudit.training.models import MultilayerPerceptron


@pytest.fixture
def model(tmp_path):
    """A perceptron of four inputs and two classes; returns what rewrites its header or weights."""
    path = tmp_path / "model.safetensors"
    facts = ModelFacts(classes=("a", "b"), kind="embeddings", backbone="mlp", networks=1, n_inputs=4)
    write_model(path, StoredModel(facts, (dict(MultilayerPerceptron(4, 2).state_dict()),)))
    tensors = load_file(path)

    def rewrite(header=None, **changed):
        values = {**facts.to_dict(), **changed} if header is None else header
        save_file(tensors, path, metadata={"labelaudit": values if isinstance(values, str) else json.dumps(values)})
        return path

    rewrite.tensors = tensors  # type: ignore[attr-defined]  # a function with something to rewrite
    return rewrite


def test_the_model_itself_is_read(model):
    (network,) = build_networks(read_model(model()), torch.device("cpu"))
    assert network(torch.zeros(2, 4)).shape == (2, 2)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"n_inputs": 10**12}, "1,000,000,000,000 inputs, and no weights are of so many"),
        ({"n_inputs": -1}, "n_inputs = -1"),
        ({"n_inputs": None}, "n_inputs"),
        ({"classes": [f"c{n}" for n in range(1000)]}, "names 1,000 classes, and no weights are of so many"),
        ({"classes": ["a"]}, "classes"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"classes": 3}, "classes"),
        ({"networks": 10**9}, "networks"),
        ({"networks": 2}, "network/1/"),
        ({"kind": "images"}, "images"),
        ({"kind": "x"}, "kind"),
        ({"columns": [{"name": "x", "is_number": True, "scale": 0}]}, "columns"),
        ({"columns": [[1]]}, "columns"),
        ({"schema": 2}, "model schema 2"),
        ({"schema": None}, "model schema None"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_headers_that_lie_are_named(model, changed, problem):
    with pytest.raises(DataError) as caught:
        read_model(model(**changed))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "header", ["[]", "3", "null", "true", "{", "NaN", "[" * 5000, '{"schema": 1}', '{"schema": 1e999}']
)
def test_headers_that_are_none_are_named(model, header):
    with pytest.raises(DataError, match=r"model\.safetensors"):
        read_model(model(header))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(model, number):
    model.tensors["network/0/layers.0.weight"].fill_(number)
    with pytest.raises(DataError, match="holds numbers that are not finite"):
        read_model(model())


@pytest.mark.parametrize("size", [0, -1, 10**6])
def test_images_of_an_absurd_size_are_refused(model, size):
    images = {"size": size, "margin": 0, "means": [0, 0, 0], "deviations": [1, 1, 1], "flip": False}
    with pytest.raises(DataError, match=r"images\.size"):
        read_model(model(kind="images", images=images))
