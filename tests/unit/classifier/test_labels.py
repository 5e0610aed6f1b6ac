"""Which label is trained on: a person's before an audit's before the given one."""

import dataclasses

import numpy as np
import pytest

from labelaudit.classifier.labels import require_classes_left, training_labels
from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset, Vectors
from labelaudit.core.decisions import Known, record_decision
from labelaudit.core.errors import DataError
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Judged, build_findings, write_findings

CLASSES = ("ant", "bee", "cow", "dog", "eel", "fox", "gnu")
HASHES = ("h0", "h1", "h2", "h3")


def dataset(given=(0, 1, 2, 0)):
    n = len(given)
    ids = tuple(f"s{i}" for i in range(n))
    values = Vectors(np.zeros((n, 1), dtype=np.float32), "features")
    return Dataset("data.csv", ids, ids, np.array(given), CLASSES, values, np.zeros(n, dtype=np.bool_))


@pytest.fixture
def audit(tmp_path):
    """An audit that keeps s0, would relabel s1 as cow, asks for a review of s2, and would relabel s3 as bee."""
    return made_audit(tmp_path)


def made_audit(root, *, facts=None, **scores):
    made = Audit.create(root, method="drpl", facts={"dataset": {"classes": CLASSES}, **(facts or {})})
    top = np.array([[0, 1, 2, 3, 4], [2, 1, 0, 3, 4], [2, 3, 0, 1, 4], [1, 0, 2, 3, 4]])
    frame = build_findings(
        dataset(),
        Evidence(
            np.array([0.1, 2.3, 0.7, 1.6]),
            np.array([0.9, 0.1, 0.5, 0.2]),
            top,
            np.array([[0.9, 0.1, 0, 0, 0], [0.8, 0.1, 0, 0, 0], [0.5, 0.3, 0, 0, 0], [0.7, 0.2, 0.1, 0, 0]]),
        ),
        Judged(
            np.array([0.9, 0.1, 0.4, 0.2]),
            np.array([1, 2, 3, 1]),
            np.array([0.1, 0.9, 0.3, 0.8]),
            ("keep", "relabel", "review", "relabel"),
            ("", "mislabelled", "ambiguous", "mislabelled"),
        ),
        content_hashes=HASHES,
        details=("", "", "", ""),
    )
    write_findings(frame, made.findings_path)
    if scores:
        made.write_arrays("evidence", **scores)
    made.finish({})
    return made


def decide(audit, row, verdict, label=""):
    name = CLASSES[dataset().given[row]]
    record_decision(audit, Known(HASHES[row], name, verdict, label), sample_id=f"s{row}")


def test_without_an_audit_the_labels_are_as_given():
    labels = training_labels(dataset(), HASHES, None, "given")
    assert labels.given.tolist() == [0, 1, 2, 0]
    assert labels.kept.all()
    assert labels.describe() == "4 as given"


def test_confident_suggestions_are_applied_and_others_are_not(audit):
    labels = training_labels(dataset(), HASHES, audit, "suggested")
    assert labels.given.tolist() == [0, 2, 2, 1]
    assert labels.describe() == "2 as given, 2 as suggested"
    assert not labels.trusted.any()


def test_a_person_overrules_the_audit(audit):
    decide(audit, 1, "ok")
    decide(audit, 2, "wrong", "gnu")
    decide(audit, 3, "wrong")
    labels = training_labels(dataset(), HASHES, audit, "suggested")
    assert labels.given[:3].tolist() == [0, 1, 6]
    assert labels.kept.tolist() == [True, True, True, False]
    assert labels.trusted[:3].tolist() == [False, True, True]
    assert labels.describe() == "1 as given, 2 decided by people, 1 called wrong and left out"
    given = training_labels(dataset(), HASHES, audit, "given")
    assert given.given[:3].tolist() == [0, 1, 6]
    assert given.kept.tolist() == labels.kept.tolist()


def test_soft_labels_spread_what_the_audit_did_not_keep(audit):
    decide(audit, 3, "wrong", "gnu")
    labels = training_labels(dataset(), HASHES, audit, "soft")
    assert labels.targets is not None
    assert labels.fixed is not None
    assert labels.targets.sum(axis=1) == pytest.approx(np.ones(4))
    assert labels.targets[1] == pytest.approx([0, 0.1, 0.8, 0, 0, 0.05, 0.05])  # .1 is missing, over fox and gnu
    assert labels.targets[3].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert labels.fixed.all()
    assert labels.describe() == "1 decided by people, 3 soft"


def test_a_split_keeps_the_labels_that_the_audit_keeps(audit):
    labels = training_labels(dataset(), HASHES, audit, "split")
    assert labels.targets is not None
    assert labels.fixed is not None
    assert labels.fixed.tolist() == [True, False, False, False]
    assert labels.targets[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert labels.targets[2] == pytest.approx([0, 0, 0.5, 0.3, 0, 0.1, 0.1])
    assert labels.describe() == "1 as given, 3 taken without their label"


@pytest.mark.parametrize(("threshold", "fixed"), [(0.5, [False, True, True, False]), (0.05, [False] * 4)])
def test_a_split_by_the_published_posterior_is_that_of_the_final_training(threshold, fixed, tmp_path):
    facts = {"recipe": {"options": {"stage2_threshold": threshold}}}
    audit = made_audit(tmp_path, facts=facts, score_stage2_noisy=np.array([0.6, 0.5, 0.1, 0.9]))
    labels = training_labels(dataset(), HASHES, audit, "split")
    assert labels.fixed is not None
    assert labels.fixed.tolist() == fixed


def test_a_sample_with_another_content_or_label_is_taken_as_given(audit):
    changed = dataclasses.replace(dataset(), given=np.array([0, 1, 5, 0]))
    labels = training_labels(changed, ("h0", "other", "h2", "h3"), audit, "suggested")
    assert labels.given.tolist() == [0, 1, 5, 1]
    split = training_labels(changed, ("h0", "other", "h2", "h3"), audit, "split")
    assert split.fixed is not None
    assert split.fixed.tolist() == [True, True, True, False]


def test_one_class_left_is_an_error_that_counts(audit):
    for row in (1, 2):
        decide(audit, row, "wrong", "ant")
    decide(audit, 3, "ok")
    labels = training_labels(dataset(), HASHES, audit, "given")
    with pytest.raises(DataError, match=r"1 class left to train on, of 7; 1 as given, 3 decided by people"):
        require_classes_left(labels, dataset())
