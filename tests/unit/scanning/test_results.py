"""What judging adds to audit.json, and that the gate reads it."""

import json
from typing import cast

import numpy as np
import pytest

from labelaudit.core.evidence import Judges, evidence_from_probs
from labelaudit.core.recipe import PolicySettings
from labelaudit.core.shares import Share
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.examined import dataset_noise, noise_by_class
from labelaudit.judging.policy import judge
from labelaudit.scanning.results import judged_results

N, CLASSES = 2_000, ("ant", "bee", "cow", "dog")


def results(rate=0.2, seed=0):
    """Return the results of two judges who know the true class well, each taught 100 labels known to be wrong."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 4, N)
    given = np.where(rng.random(N) < rate, (true + rng.integers(1, 4, N)) % 4, true)
    probs = rng.dirichlet(np.ones(4), N) * 0.05
    probs[np.arange(N), true] += 0.95
    labels = np.stack([given, given])
    for number in range(2):
        chosen = slice(number * 100, number * 100 + 100)
        labels[number, chosen] = (given[chosen] + rng.integers(1, 4, 100)) % 4
    scores = np.stack([-evidence_from_probs(probs, own).scores["margin"] for own in labels])
    scores += rng.normal(0, 0.1, scores.shape)
    evidence = evidence_from_probs(
        probs, given, judges=Judges(scores.astype(np.float32), labels.astype(np.int32)), scores={"evidence": scores[0]}
    )
    nobody = np.zeros(N, dtype=bool)
    judged = judge(
        evidence, given, settings=PolicySettings(), trusted=nobody, conflict=nobody, class_counts=np.bincount(given)
    )
    return json.loads(json.dumps(judged_results(judged, CLASSES))), float((given != true).mean())


def test_the_gate_reads_the_interval_that_judging_writes():
    found, wrong = results()
    low, high = found["noise_interval"]
    assert low <= wrong <= high
    columns = cast(FindingColumns, None)  # not read where the audit has the figures
    assert dataset_noise(found, columns) == Share(found["noise_rate"], low, high)
    by_class = noise_by_class(found, columns)
    assert set(by_class) == set(CLASSES)
    for each in by_class.values():
        assert each.low < each.rate < each.high


def test_noise_is_loud_and_its_review_planned_and_clean_labels_are_quiet():
    noisy, wrong = results()
    clean, _ = results(rate=0.0)
    assert (noisy["quiet"], clean["quiet"]) == (False, True)
    assert noisy["identifiable"] is True
    assert noisy["review"]["errors"] == pytest.approx(wrong * N, rel=0.1)
    assert clean["confusions"] == []
