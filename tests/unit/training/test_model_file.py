"""A classifier on disk: it comes back bit by bit, and a file that is not one says so."""

from __future__ import annotations

import dataclasses

import pytest
import safetensors.torch
import torch

from labelaudit.core.errors import DataError
from labelaudit.core.model_facts import ImageFacts, ModelFacts
from labelaudit.training.job import Classifier
from labelaudit.training.kept_networks import KeptNetworks
from labelaudit.training.model_file import (
    FrozenFeatures,
    StoredModel,
    build_features,
    build_networks,
    read_model,
    write_model,
)
from labelaudit.training.models import MultilayerPerceptron, build_image_network, without_classifier

CPU = torch.device("cpu")
VIEW = ImageFacts(16, 0, (0.5, 0.4, 0.3), (0.2, 0.2, 0.3), flip=True)
TEST = {
    "source": "wine-test.csv",
    "samples": 40,
    "accuracy": {"last": 0.9, "mean_of_last": 0.89, "averaged_epochs": 10, "best": 0.925, "best_epoch": 7},
    "calibration_error": 0.03,
    "confused": [{"true": "a|b", "predicted": "c", "count": 3}],
}


def perceptrons(n=2):
    torch.manual_seed(0)
    return [MultilayerPerceptron(5, 3) for _ in range(n)]


def vector_model(networks, **facts):
    named = ModelFacts(("a|b", "c", "d"), "features", "mlp", len(networks), n_inputs=5, source="wine.csv", samples=178)
    return StoredModel(dataclasses.replace(named, **facts), tuple(net.state_dict() for net in networks))


def test_networks_come_back_bit_by_bit(tmp_path):
    networks = perceptrons()
    model = vector_model(networks, metrics={"test": TEST})
    write_model(tmp_path / "model.safetensors", model)
    read = read_model(tmp_path)
    assert read.facts == model.facts
    values = torch.randn(7, 5)
    for before, after in zip(networks, build_networks(read, CPU), strict=True):
        assert torch.equal(before.eval()(values), after(values))


def test_a_frozen_backbone_is_in_the_file(tmp_path):
    backbone = without_classifier(build_image_network("small", 3, 16, seed=1, stream="x")).eval()
    facts = dataclasses.replace(
        vector_model(perceptrons(1)).facts, kind="images", images=VIEW, backbone="small", frozen=True, networks=1
    )
    features = FrozenFeatures(backbone.state_dict(), torch.arange(5.0), torch.ones(5))
    write_model(tmp_path / "m.safetensors", StoredModel(facts, (perceptrons(1)[0].state_dict(),), features))
    read = read_model(tmp_path / "m.safetensors")
    images = torch.randn(2, 3, 16, 16)
    again = build_features(read, CPU)
    assert again is not None
    assert torch.equal(again(images), backbone(images))
    assert read.features is not None
    assert torch.equal(read.features.mean, torch.arange(5.0))


def test_the_card_tells_the_three_accuracies_apart(tmp_path):
    write_model(tmp_path / "model.safetensors", vector_model(perceptrons(), metrics={"test": TEST}, labels="suggested"))
    card = (tmp_path / "MODEL.md").read_text()
    assert "| accuracy of the last epoch, which this file holds | 0.9000 |" in card
    assert "| mean of the last 10 epochs | 0.8900 |" in card
    assert "| best epoch (7) | 0.9250 |" in card
    assert "which flatters" in card
    assert "| a\\|b | c | 3 |" in card
    assert "mlp; the mean of 2 networks" in card
    assert "178 samples of wine.csv" in card


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "was not written by labelaudit"),
        ('{"schema": 99, "labelaudit": "9.1"}', r"has model schema 99; this labelaudit reads schema 1.\nIt was.*9\.1"),
        ('{"schema": 1, "classes": ["a"]}', "is damaged"),
        ('{"schema": 1, "classes": ["a", "b"], "kind": "cats"}', r"kind = 'cats': expected one of images"),
        ("[]", "is damaged"),
        ("{", "is damaged"),
    ],
)
def test_a_file_that_is_no_model_says_what_it_is(tmp_path, header, said):
    path = tmp_path / "model.safetensors"
    metadata = None if header is None else {"labelaudit": header}
    safetensors.torch.save_file({"x": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(DataError, match=rf"(?s)model.safetensors.*{said}"):
        read_model(path)


def test_a_missing_or_torn_file_names_itself(tmp_path):
    with pytest.raises(DataError, match=r"there is no model .*model.safetensors"):
        read_model(tmp_path)
    write_model(tmp_path / "model.safetensors", vector_model(perceptrons()))
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"model.safetensors is damaged"):
        read_model(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path):
    write_model(tmp_path / "model.safetensors", vector_model(perceptrons(), n_inputs=6))
    with pytest.raises(DataError, match="says 6 inputs, and no weights are of so many"):
        build_networks(read_model(tmp_path), CPU)


def test_of_every_stage_the_networks_after_its_last_epoch_are_kept(tmp_path):
    first, second = perceptrons()
    kept = KeptNetworks(tmp_path)
    for epoch in (1, 2):
        kept(Classifier("stage1", epoch, 2, (first,)))
    wanted = first.state_dict()["layers.0.weight"].clone()
    with torch.no_grad():
        first.layers[0].weight.zero_()  # the stage is over: what happens to its network no longer matters
    resumed = KeptNetworks(tmp_path)  # in another process, later
    resumed(Classifier("stage2", 1, 5, (second, second)))
    found = resumed.networks()
    assert [(stage, len(networks)) for stage, networks in found.items()] == [("stage1", 1), ("stage2", 2)]
    assert torch.equal(found["stage1"][0]["layers.0.weight"], wanted)
    assert torch.equal(found["stage2"][1]["layers.0.weight"], second.layers[0].weight)
