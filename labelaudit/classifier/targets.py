"""Loaded samples with other labels than their own, to train on."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import torch

from labelaudit.classifier.labels import TrainingLabels
from labelaudit.scanning.load import Loaded
from labelaudit.training.job import Targets


def with_labels(loaded: Loaded, labels: TrainingLabels) -> Loaded:
    """Return loaded samples with the labels to train on, without those that are left out."""
    dataset = dataclasses.replace(loaded.dataset, given=labels.given, trusted=labels.trusted)
    if labels.kept.all():
        return replace(loaded, dataset=dataset)
    rows = np.flatnonzero(labels.kept)
    return replace(
        loaded,
        dataset=dataclasses.replace(
            dataset,
            sample_ids=tuple(dataset.sample_ids[i] for i in rows),
            paths=tuple(dataset.paths[i] for i in rows),
            given=dataset.given[rows],
            trusted=dataset.trusted[rows],
            content=dataset.content.take(rows),
        ),
        inputs=None if loaded.inputs is None else loaded.inputs.take(torch.from_numpy(rows)),
        content_hashes=tuple(loaded.content_hashes[i] for i in rows),
        conflict=loaded.conflict[rows],
        details=tuple(loaded.details[i] for i in rows),
        near_hashes=None,  # training looks for no twins
    )


def targets_of(labels: TrainingLabels, device: torch.device) -> Targets | None:
    """Return the soft labels of the samples that are kept, on the device; None where one label each is enough."""
    if labels.targets is None or labels.fixed is None:
        return None
    rows = labels.kept
    return Targets(torch.from_numpy(labels.targets[rows]).to(device), torch.from_numpy(labels.fixed[rows]).to(device))
