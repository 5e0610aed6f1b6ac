"""Under bf16 a network learns in all its weights, also where a step looks at the samples before it learns."""

import dataclasses
from typing import Any

import pytest
import torch

from labelaudit.core.events import EpochFinished
from labelaudit.core.recipe import from_dict
from labelaudit.methods.registry import FINISHERS, require_method
from labelaudit.scanning.recipes import with_epochs
from labelaudit.training.job import Job, Targets
from tests.methods.jobs import image_job
from tests.recipes import LEARNERS

_SAMPLES, _CLASSES = 36, 3
# Settings under which a step has several passes, beside those of the fast recipe.
_LOOKING: list[tuple[str, dict[str, Any]]] = [
    ("drpl", {"stage2": "pseudo-labels", "relabel_from": 1}),
    ("drpl", {"stage2": "pseudo-labels", "relabel_from": 1, "final_epochs": 2, "mixture": "published"}),
    ("bootstrap", {"variant": "dy-h", "weights": "batch"}),
    ("bootstrap", {"variant": "m-dyr-s", "half_labels": True, "mixture": "gaussian"}),
    ("bootstrap", {"variant": "md-dyr-sh", "weights": "batch"}),
    ("dividemix", {"views": 2, "unlabelled_ramp_epochs": 0}),
    ("elr", {"term": "kl"}),
    ("elr+", {"mixup_alpha": 1.0}),
    ("elr+", {"mixup_alpha": 1.0, "learners": 1}),
    ("ieg", {"meta": "exact"}),
    ("ieg", {"relabels": False, "mixes": False, "strong_view": "weak"}),
]
_CASES: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in (*LEARNERS, *FINISHERS)] + _LOOKING


def bf16_job() -> Job:
    """Return a job that every method takes: three samples of each class are trusted, and a scan has gone before."""
    job, _ = image_job(_SAMPLES, _CLASSES, size=8)
    fixed = torch.arange(_SAMPLES) % 2 == 0
    return dataclasses.replace(
        job,
        samples=dataclasses.replace(job.samples, batch_size=8),
        precision=torch.bfloat16,
        train=dataclasses.replace(job.train, weight_decay=0.0),  # or weights without a gradient would move as well
        trusted=torch.arange(_SAMPLES) < 3 * _CLASSES,
        targets=Targets(torch.full((_SAMPLES, _CLASSES), 1 / _CLASSES), fixed),
    )


@pytest.mark.parametrize(("name", "settings"), _CASES)
def test_every_weight_of_a_network_that_learns_moves_in_every_epoch(name, settings):
    job, method = bf16_job(), require_method(name)
    networks: list[torch.nn.Module] = []
    before: list[list[torch.Tensor]] = []
    learners: list[int] = []  # of each epoch

    def build(stream):
        networks.append(job.build_model(stream))
        before.append([weight.detach().clone() for weight in networks[-1].parameters()])
        return networks[-1]

    def compare(event):
        if not isinstance(event, EpochFinished):
            return
        learners.append(0)
        for network, old in zip(networks, before, strict=True):
            pairs = zip(network.parameters(), old, strict=True)
            moved = [not torch.equal(new, was) for new, was in pairs if new.requires_grad]  # none of a running average
            assert not any(moved) or all(moved), f"{event.stage}: {sum(moved)} of {len(moved)} tensors moved"
            learners[-1] += any(moved)
            old[:] = [weight.detach().clone() for weight in network.parameters()]

    known = {field.name for field in dataclasses.fields(method.Options)}
    options = {key: value for key, value in {"peak_lr": 0.01, "networks": 1}.items() if key in known} | settings
    options |= with_epochs(name, 2)
    method.run(
        dataclasses.replace(job, build_model=build, on_event=compare),
        from_dict(method.Options, options, prefix="method."),
    )
    assert min(learners) >= 1
