"""Small classifiers for tests: trained in a moment, stored as `train` stores its own."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional as F

from labelaudit.core.dataset import Vectors
from labelaudit.core.model_facts import ImageFacts, ModelFacts
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from labelaudit.training.model_file import StoredModel, write_model
from labelaudit.training.models import MultilayerPerceptron, build_image_network

VIEW = ImageFacts(12, 0, (0.3, 0.3, 0.3), (0.25, 0.25, 0.25), flip=True)


def flower_model(table: Path, folder: Path) -> StoredModel:
    """Train a perceptron on the flowers of `write_flowers`, and store it."""
    dataset = read_dataset(table, DataSettings(label_column="species"))
    assert isinstance(dataset.content, Vectors)
    values, labels = torch.from_numpy(dataset.content.values), torch.from_numpy(dataset.given)
    network = fitted(MultilayerPerceptron(values.shape[1], dataset.n_classes), values, labels, steps=60)
    facts = ModelFacts(
        dataset.classes, "features", "mlp", 1, n_inputs=values.shape[1], columns=dataset.content.columns, source="f"
    )
    return stored(StoredModel(facts, (network.state_dict(),)), folder)


def photo_model(folder: Path, *, networks: int = 1) -> StoredModel:
    """Train small networks to tell red images (cat) from green ones (dog), and store them."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    images = torch.randint(0, 60, (40, 3, 12, 12), generator=draw).float()
    images[torch.arange(40), labels] += 150.0
    inputs = (images / 255 - 0.3) / 0.25
    trained = [
        fitted(build_image_network("small", 2, 12, seed=k, stream="t"), inputs, labels, steps=30)
        for k in range(networks)
    ]
    facts = ModelFacts(("cat", "dog"), "images", "small", networks, images=VIEW, source="photos")
    return stored(StoredModel(facts, tuple(net.state_dict() for net in trained)), folder)


def fitted(network, inputs, labels, *, steps):
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
    return network.eval()


def stored(model: StoredModel, folder: Path) -> StoredModel:
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "model.safetensors", model)
    return model
