"""Probe: what linear heads and neighbours on vectors think of every label without having seen it; seconds.

The first stage of the two-stage scan, alone (training/probing.py): `labelaudit scan --quick`.
"""

from __future__ import annotations

from typing import Any

from labelaudit.core.evidence import Evidence
from labelaudit.training.job import Job
from labelaudit.training.probing import Options as Options
from labelaudit.training.probing import look, unseen_evidence

SUMMARY = "linear heads and neighbours on pretrained vectors, out of fold: seconds"
LOOKS_FIRST = True
TRAINS_CLASSIFIER = False


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time; a head costs next to nothing."""
    del options
    return 0.1


def fast_options(epochs: int) -> dict[str, Any]:
    """Return nothing: how long heads learn is not what a recipe or a budget is about."""
    del epochs
    return {}


def run(job: Job, options: Options) -> Evidence:
    """Return the evidence for every sample of this rank."""
    job.plan({"probe": 1})
    evidence = unseen_evidence(look(job, options), job.samples.labels.cpu().numpy(), job.n_classes, seed=job.seed)
    return evidence.part(job.own)
