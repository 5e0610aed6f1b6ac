"""What rank 0 tells the others of a training: which labels to train on."""

from __future__ import annotations

import torch

from labelaudit.classifier.labels import TrainingLabels
from labelaudit.training.ranks import Ranks


def labels_from_main(labels: TrainingLabels | None, ranks: Ranks) -> TrainingLabels | None:
    """Return rank 0's labels, None where it has none to train on; the others' own are ignored.

    The others need not see the audit, nor what people decided.
    """
    if ranks.size == 1:
        return labels
    if ranks.from_main({"trains": labels is not None})["trains"] is False:
        return None
    mine = {}
    if labels is not None:
        mine = {name: torch.from_numpy(getattr(labels, name)) for name in ("given", "kept", "trusted")}
        soft = {name: getattr(labels, name) for name in ("targets", "fixed")}
        mine |= {name: torch.from_numpy(values) for name, values in soft.items() if values is not None}
    told = {name: value.numpy() for name, value in ranks.tensors_from_main(mine).items()}
    return TrainingLabels(
        told["given"],
        told["kept"],
        told["trusted"],
        told.get("targets"),
        told.get("fixed"),
        None if labels is None else labels.counts,
    )
