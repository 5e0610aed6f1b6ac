"""A classifier in one file: its networks, and in the header all that is needed to use them. Never pickle.

network/<k>/<name>      weights of the k-th network; the mean of their softmax outputs is the answer
features/network/<name> weights of a frozen backbone
features/mean           (D,) of its features, and features/deviation: the networks see them standardised
header "labelaudit"     JSON, see `ModelFacts`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from labelaudit.core.errors import DAMAGE, ConfigError, DataError, damaged
from labelaudit.core.files import own_path, parse_json, write_atomically
from labelaudit.core.model_card import render_card
from labelaudit.core.model_facts import ModelFacts, model_facts_from_dict
from labelaudit.training.models import MultilayerPerceptron, build_image_network, without_classifier

MODEL_NAME, CARD_NAME = "model.safetensors", "MODEL.md"
_HEADER = "labelaudit"
_DAMAGE: tuple[type[Exception], ...] = (*DAMAGE, SafetensorError)

Weights = Mapping[str, Tensor]  # a network's state


@dataclass(frozen=True, slots=True)
class FrozenFeatures:
    """A pretrained network whose features the classifier sees."""

    weights: Weights  # of the whole network, without its classifier
    mean: Tensor  # (D,) of the features summed over the views
    deviation: Tensor  # (D,)


@dataclass(frozen=True, slots=True)
class StoredModel:
    """What a model file holds."""

    facts: ModelFacts
    networks: tuple[Weights, ...]
    features: FrozenFeatures | None = None


def write_model(path: Path, model: StoredModel) -> None:
    """Write a model file, and a model card beside it; the old file stays until the new one is complete."""
    tensors = {
        f"network/{k}/{name}": value for k, weights in enumerate(model.networks) for name, value in weights.items()
    }
    if model.features is not None:
        tensors |= {f"features/network/{name}": value for name, value in model.features.weights.items()}
        tensors |= {"features/mean": model.features.mean, "features/deviation": model.features.deviation}
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    header = {_HEADER: json.dumps(model.facts.to_dict())}
    write_atomically(path, lambda part: save_file(plain, part, metadata=header))
    card = render_card(model.facts).encode("utf-8", "backslashreplace")
    write_atomically(path.with_name(CARD_NAME), lambda part: part.write_bytes(card))


def read_model(path: Path | str) -> StoredModel:
    """Read the facts and the weights of a model file.

    Args:
        path: the file, or a folder with a `model.safetensors`.

    Raises:
        DataError: it is missing, damaged, not one of ours, or of another schema version.
    """
    file, given = find_model(path), Path(path).expanduser()
    try:
        with safe_open(own_path(file, root=given) if file.parent == given else file, framework="pt") as opened:
            header = (opened.metadata() or {}).get(_HEADER)
            if header is None:
                raise DataError(
                    f"{file} was not written by labelaudit: its header says nothing of classes.",
                    hint="Weights of other programs are for --weights.",
                )
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        _require_finite(tensors)
        facts = model_facts_from_dict(parse_json(header), source=str(file))
        networks = tuple(tensors_below(f"network/{k}/", tensors) for k in range(facts.networks))
        features = None
        if facts.frozen:
            weights = tensors_below("features/network/", tensors)
            features = FrozenFeatures(weights, tensors["features/mean"], tensors["features/deviation"])
        for weights in networks:
            _require_room(facts, weights)
    except _DAMAGE as error:
        raise damaged(file, error, hint="Train or scan again.") from error
    return StoredModel(facts, networks, features)


def _require_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{name} holds numbers that are not finite")


def _require_room(facts: ModelFacts, weights: Weights) -> None:
    """Raise ValueError unless the sizes in the header are those of weights in the file: no more memory is asked for."""
    shapes = [tuple(value.shape) for value in weights.values()]
    if not any(shape[:1] == (len(facts.classes),) for shape in shapes):
        raise ValueError(f"its header names {len(facts.classes):,} classes, and no weights are of so many")
    if (facts.images is None or facts.frozen) and not any(shape[-1:] == (facts.n_inputs,) for shape in shapes):
        raise ValueError(f"its header says {facts.n_inputs:,} inputs, and no weights are of so many")


def find_model(path: Path | str) -> Path:
    """Return the model file that a path names: itself, or `model.safetensors` in it.

    Raises:
        DataError: there is none.
    """
    given = Path(path).expanduser()
    file = given / MODEL_NAME if given.is_dir() else given
    if not file.is_file() and (given / "audit.json").is_file():
        raise DataError(
            f"{given} has no model: its method trains no network.",
            hint="labelaudit train makes one, of images, features and embeddings.",
        )
    if not file.is_file():
        raise DataError(
            f"there is no model {file}.",
            hint="Name a model.safetensors, or the folder that has one: `labelaudit train` and `scan` write them.",
        )
    return file


def build_networks(model: StoredModel, device: torch.device) -> tuple[nn.Module, ...]:
    """Return the networks of a model on a device, in eval mode.

    Raises:
        DataError: the weights do not fit the network that the header names.
    """
    return tuple(_filled(_empty_network(model.facts), weights, device) for weights in model.networks)


def build_features(model: StoredModel, device: torch.device) -> nn.Module | None:
    """Return the frozen backbone of a model on a device, None where it has none."""
    facts, features = model.facts, model.features
    if features is None or facts.images is None:
        return None
    backbone = _image_network(facts)
    return _filled(without_classifier(backbone), features.weights, device)


def tensors_below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it; KeyError where there are none."""
    below = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    if not below:
        raise KeyError(f"no tensors {prefix}*")
    return below


def _empty_network(facts: ModelFacts) -> nn.Module:
    if facts.images is None or facts.frozen:
        return MultilayerPerceptron(facts.n_inputs, len(facts.classes))
    return _image_network(facts)


def _image_network(facts: ModelFacts) -> nn.Module:
    if facts.images is None:
        raise ValueError(f"a model of {facts.kind} has no network for images")
    try:
        return build_image_network(facts.backbone, len(facts.classes), facts.images.size, seed=0, stream="stored")
    except ConfigError as error:
        raise DataError(f"the model cannot be built: {error.problem}", hint=error.hint) from error


def _filled(network: nn.Module, weights: Weights, device: torch.device) -> nn.Module:
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise DataError(
            f"the weights of the model do not fit its network: {str(error).splitlines()[0]}",
            hint="Use the version of labelaudit that wrote it, or train again.",
        ) from error
    return network.to(device).eval()
