"""From trained networks to a model file: what a scan and a training write down beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from labelaudit.core.audits import plain
from labelaudit.core.dataset import Probabilities, Texts, Vectors
from labelaudit.core.decisions import now
from labelaudit.core.model_facts import ModelFacts
from labelaudit.core.version import VERSION
from labelaudit.scanning.learn import precision_for
from labelaudit.scanning.load import Loaded
from labelaudit.scanning.prepare import Prepared
from labelaudit.training.batches import VectorInputs
from labelaudit.training.kept_networks import KeptNetworks
from labelaudit.training.model_file import MODEL_NAME, StoredModel, write_model


def model_facts(
    loaded: Loaded,
    prepared: Prepared,
    n_networks: int,
    *,
    labels: str,
    fingerprint: str,
    metrics: Mapping[str, Any] | None = None,
) -> ModelFacts:
    """Return what there is to say of networks that learn from loaded samples.

    Args:
        loaded: what they learn from.
        prepared: how.
        n_networks: how many there are.
        labels: which labels: given, suggested, soft or split.
        fingerprint: of the dataset as it was read.
        metrics: how well they do.
    """
    dataset, recipe, inputs = loaded.dataset, prepared.recipe, loaded.inputs
    content = dataset.content
    if inputs is None or isinstance(content, Probabilities | Texts):
        raise ValueError(f"{content.kind} train no network")
    return ModelFacts(
        classes=dataset.classes,
        kind=content.kind,
        backbone=recipe.model.backbone,
        networks=n_networks,
        n_inputs=inputs.values.shape[1] if isinstance(inputs, VectorInputs) else 0,
        images=loaded.images,
        columns=content.columns if isinstance(content, Vectors) else (),
        frozen=loaded.frozen is not None,
        precision="bf16" if precision_for(inputs, recipe, prepared.device) == torch.bfloat16 else "fp32",
        method=recipe.method,
        labels=labels,
        source=str(dataset.source),
        samples=len(dataset),
        fingerprint=fingerprint,
        recipe=plain(recipe.to_dict()),
        metrics=metrics or {},
        made=now(),
        labelaudit=VERSION,
    )


def write_judges(
    folder: Path, kept: KeptNetworks, loaded: Loaded, prepared: Prepared, *, fingerprint: str
) -> Path | None:
    """Write the networks that a scan judged with, of all its stages; None where its method showed none."""
    networks = kept.every()
    if not networks:
        return None
    facts = model_facts(loaded, prepared, len(networks), labels="given", fingerprint=fingerprint)
    write_model(folder / MODEL_NAME, StoredModel(facts, networks, loaded.frozen))
    return folder / MODEL_NAME
