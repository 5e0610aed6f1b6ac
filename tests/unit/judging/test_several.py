"""Verdicts on each label become verdicts on pairs: order, numbers of classes, and doubts of one label or of all."""

import dataclasses

import numpy as np
import pytest

from labelaudit.core.evidence import evidence_from_probs
from labelaudit.core.recipe import PolicySettings
from labelaudit.core.several import HAS, LACKS, given_of_pairs, pair_classes
from labelaudit.core.shares import Share
from labelaudit.judging.doubts import Doubt
from labelaudit.judging.policy import judge
from labelaudit.judging.several import joined_evidence, joined_verdicts

N = 60
HAS_IT = np.stack([np.arange(N) % 2 == 0, np.arange(N) % 3 == 0], axis=1)  # (N, L)
TRUSTED = np.zeros(N, dtype=bool)


def evidence(label):
    """Return evidence that knows the label of all but the first sample."""
    given = np.where(HAS_IT[:, label], HAS, LACKS)
    probs = np.full((N, 2), 0.01 + 0.001 * np.arange(N)[:, None])
    probs[np.arange(N), given] = 1 - probs[:, 0]
    probs[0] = probs[0, ::-1]
    return evidence_from_probs(probs, given)


def verdicts(label, **changes):
    given = np.where(HAS_IT[:, label], HAS, LACKS)
    counts = np.bincount(given, minlength=2)
    nobody = np.zeros(N, dtype=bool)
    found = judge(
        evidence(label), given, settings=PolicySettings(), trusted=TRUSTED, conflict=nobody, class_counts=counts
    )
    return dataclasses.replace(found, **changes)


def test_pairs_are_numbered_label_by_label_and_never_share_a_name():
    assert pair_classes(("cat", "dog")) == ("cat", "not cat", "dog", "not dog")
    assert pair_classes(("cat", "not cat")) == ("cat", "without cat", "not cat", "not not cat")
    assert given_of_pairs(np.array([[True, False], [False, False]])).tolist() == [0, 3, 1, 3]


def test_evidence_and_verdicts_of_a_pair_are_those_of_its_label():
    each = [evidence(0), evidence(1)]
    together = joined_evidence(each)
    assert np.array_equal(together.losses.reshape(N, 2), np.stack([each[0].losses, each[1].losses], axis=1))
    assert together.top_labels[1].tolist() == (2 + each[1].top_labels[0]).tolist()
    judged = [verdicts(0), verdicts(1)]
    pairs = joined_verdicts(judged, asked=~TRUSTED)
    assert np.array_equal(pairs.clean_prob[1::2], judged[1].clean_prob)
    assert np.array_equal(pairs.suggested[1::2], judged[1].suggested + 2)
    assert pairs.noise.rate == pytest.approx(np.mean([one.noise.rate for one in judged]))


def test_a_doubt_about_one_label_is_no_doubt_about_all():
    lost, sure = verdicts(0, doubts=(Doubt("not-learnt"),)), verdicts(1, doubts=(Doubt("class-not-learnt", (1,)),))
    assert joined_verdicts([lost, sure], asked=~TRUSTED).doubts == (
        Doubt("label-not-learnt", (0,)),
        Doubt("class-not-learnt", (3,)),
    )
    assert joined_verdicts([lost, lost], asked=~TRUSTED).doubts == (Doubt("not-learnt"),)


def test_the_whole_is_quiet_where_every_label_is():
    quiet = verdicts(0, is_quiet=True, noise=Share(0.0, low=0.0, high=0.2))
    loud = verdicts(1, is_quiet=False, noise=Share(0.2, low=0.1, high=0.4))
    found = joined_verdicts([quiet, loud], asked=~TRUSTED)
    assert not found.is_quiet
    assert (found.noise.rate, found.noise.low, found.noise.high) == pytest.approx((0.1, 0.05, 0.3))
