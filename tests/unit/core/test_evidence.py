"""Evidence per sample from a table of class probabilities."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelaudit.core.errors import DataError
from labelaudit.core.evidence import TOP_LABELS, Evidence, Judges, evidence_from_probs, joined, read_evidence


def random_table(n: int, C: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(C, 0.3), size=n), rng.integers(0, C, size=n)


def by_hand(row: list[float], label: int) -> dict[str, Any]:
    """One sample in plain Python."""
    other = max(p for position, p in enumerate(row) if position != label)
    top = sorted(range(len(row)), key=lambda position: (-row[position], position))[:TOP_LABELS]
    loss = -math.log(max(row[label], 1e-12))
    return {"loss": loss, "margin": -loss - math.log(max(other, 1e-12)), "top": top, "probs": [row[i] for i in top]}


@pytest.mark.parametrize("at_a_time", [1, 3, 7])
def test_a_few_samples_at_a_time_have_the_same_evidence(monkeypatch, at_a_time):
    probs, labels = random_table(7, 6)
    whole = evidence_from_probs(probs, labels).arrays()
    monkeypatch.setattr("labelaudit.core.evidence._BLOCK", at_a_time)
    few = evidence_from_probs(probs, labels).arrays()
    assert list(few) == list(whole)
    assert all(np.array_equal(few[name], whole[name]) for name in whole)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), C=st.integers(2, 9))
def test_evidence_equals_a_plain_loop_over_the_samples(seed, C):
    probs, labels = random_table(7, C, seed)
    evidence = evidence_from_probs(probs, labels)
    for i, label in enumerate(labels.tolist()):
        expected = by_hand(probs[i].tolist(), label)
        assert evidence.losses[i] == pytest.approx(expected["loss"])
        assert evidence.given_probs[i] == probs[i, label]
        assert evidence.scores["margin"][i] == pytest.approx(expected["margin"])
        assert evidence.top_labels[i].tolist() == expected["top"]
        assert evidence.top_probs[i].tolist() == expected["probs"]


def test_two_classes_have_two_top_labels_and_the_margin_is_the_log_odds():
    evidence = evidence_from_probs(np.array([[0.8, 0.2]]), np.array([1]))
    assert evidence.top_labels.tolist() == [[0, 1]]
    assert evidence.scores["margin"][0] == pytest.approx(math.log(0.2 / 0.8))


def test_equally_probable_labels_keep_the_order_of_the_classes():
    probs = np.random.default_rng(0).choice([1.0, 3.0], size=(20, 100))
    probs /= probs.sum(axis=1, keepdims=True)
    evidence = evidence_from_probs(probs, np.zeros(20, dtype=np.int64))
    assert evidence.top_labels.tolist() == [by_hand(row.tolist(), 0)["top"] for row in probs]


def test_a_probability_of_zero_is_a_large_finite_loss():
    evidence = evidence_from_probs(np.array([[1.0, 0.0]]), np.array([1]))
    assert evidence.losses[0] == pytest.approx(-math.log(1e-12))
    assert evidence.given_probs[0] == 0.0


def test_the_table_of_the_caller_is_left_as_it_was():
    probs, labels = random_table(5, 3)
    before = probs.copy()
    evidence_from_probs(probs, labels)
    assert np.array_equal(probs, before)


def test_permuting_the_samples_permutes_the_evidence():
    probs, labels = random_table(20, 4)
    order = np.random.default_rng(1).permutation(20)
    whole, moved = evidence_from_probs(probs, labels), evidence_from_probs(probs[order], labels[order])
    assert np.array_equal(moved.losses, whole.losses[order])
    assert np.array_equal(moved.top_labels, whole.top_labels[order])


def test_further_scores_and_stages_are_kept_beside_the_margin():
    probs, labels = random_table(3, 2)
    evidence = evidence_from_probs(probs, labels, stages={"s": {"n": 1}}, scores={"age": np.array([1.0, 2.0, 3.0])})
    assert sorted(evidence.scores) == ["age", "margin"]
    assert evidence.scores["age"].tolist() == [1.0, 2.0, 3.0]
    assert evidence.stages == {"s": {"n": 1}}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("column", [0, 1])
def test_probabilities_that_are_not_numbers_are_refused(bad, column):
    probs = np.array([[0.5, 0.5], [0.5, 0.5]])
    probs[1, column] = bad
    with pytest.raises(ValueError, match=r"Evidence\.\w+ has values that are not finite"):
        evidence_from_probs(probs, np.array([0, 0]))


@pytest.mark.parametrize("name", ["losses", "given_probs", "top_probs", "late"])
def test_a_column_with_a_value_that_is_not_a_number_is_named(name):
    columns: dict[str, Any] = {"losses": np.ones(2), "given_probs": np.ones(2), "top_probs": np.ones((2, 2))}
    columns["late"] = np.ones(2)
    columns[name].flat[1] = math.nan
    scores = {"late": columns.pop("late")}
    with pytest.raises(ValueError, match=rf"^Evidence\.{name} has values that are not finite$"):
        Evidence(top_labels=np.zeros((2, 2), dtype=np.int64), scores=scores, **columns)


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match=r"Evidence\.given_probs has 2 rows for 3 samples"):
        Evidence(np.ones(3), np.ones(2), np.zeros((3, 2), dtype=np.int64), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"top_labels \(3, 4\) and top_probs \(3, 2\) differ"):
        Evidence(np.ones(3), np.ones(3), np.zeros((3, 4), dtype=np.int64), np.ones((3, 2)))


def test_arrays_to_store_are_small_and_named():
    probs, labels = random_table(4, 3)
    evidence = evidence_from_probs(probs, labels)
    arrays = evidence.arrays()
    assert {name: str(values.dtype) for name, values in arrays.items()} == {
        "score_margin": "float32",
        "losses": "float32",
        "given_probs": "float32",
        "top_labels": "int32",
        "top_probs": "float32",
    }
    assert arrays["losses"] == pytest.approx(evidence.losses, rel=1e-6)


def with_judges(**changes: Any) -> Evidence:
    probs, labels = random_table(4, 3)
    scores = np.array([[0.5, -1.25, 3.0, 0.0], [1.0, 2.0, -7.5, 0.25]], dtype=np.float32)
    taught = np.array([[0, 1, 2, 0], [2, 1, 0, 0]], dtype=np.int32)
    return evidence_from_probs(probs, labels, judges=Judges(scores, taught), **changes)


def store(folder: Path, arrays: Any) -> None:
    np.savez(folder / "evidence.npz", **arrays)


def test_judges_survive_the_disk(tmp_path):
    evidence = with_judges(scores={"evidence": np.arange(4.0)})
    store(tmp_path, evidence.arrays())
    read = read_evidence(tmp_path / "evidence.npz")
    assert evidence.judges is not None
    assert read.judges is not None
    assert np.array_equal(read.judges.scores, evidence.judges.scores)
    assert np.array_equal(read.judges.labels, evidence.judges.labels)
    assert [read.judges.scores.dtype, read.judges.labels.dtype] == [np.dtype("float32"), np.dtype("int32")]
    assert read.scores["evidence"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert read.losses == pytest.approx(evidence.losses, rel=1e-6)


def test_weights_of_labels_that_nobody_was_taught_survive_the_disk(tmp_path):
    probs, labels = random_table(4, 3)
    shape = (2, 4)
    judges = Judges(np.zeros(shape, np.float32), np.ones(shape, np.int32), np.full(shape, 0.25, np.float32))
    store(tmp_path, evidence_from_probs(probs, labels, judges=judges).arrays())
    read = read_evidence(tmp_path / "evidence.npz")
    assert read.judges is not None
    assert read.judges.weights is not None
    assert read.judges.weights.tolist() == [[0.25] * 4] * 2


def test_joined_parts_are_the_whole():
    probs, labels = random_table(6, 3)
    scores, asked = np.arange(12.0, dtype=np.float32).reshape(2, 6), np.tile(labels, (2, 1)).astype(np.int32)
    weights = (scores / 12).astype(np.float32)

    def part(rows: slice) -> Evidence:
        judges = Judges(scores[:, rows], asked[:, rows], weights[:, rows])
        return evidence_from_probs(probs[rows], labels[rows], judges=judges, stages={"one": {"n": 1}})

    whole, together = part(slice(6)), joined([part(slice(0, 4)), part(slice(4, 6))])
    assert {name: values.tolist() for name, values in together.arrays().items()} == {
        name: values.tolist() for name, values in whole.arrays().items()
    }
    assert together.stages == {"one": {"n": 1}}
    turned = joined([whole], together=lambda arrays: arrays[0][::-1])  # as ranks gather: samples are the first axis
    assert turned.judges is not None
    assert turned.judges.weights is not None
    assert turned.judges.weights.tolist() == weights[:, ::-1].tolist()
    assert turned.top_labels.tolist() == whole.top_labels[::-1].tolist()


def test_audits_from_before_there_were_judges_are_read(tmp_path):
    probs, labels = random_table(4, 3)
    arrays = evidence_from_probs(probs, labels).arrays()
    assert not [name for name in arrays if name.startswith("judge")]
    store(tmp_path, arrays)
    read = read_evidence(tmp_path / "evidence.npz")
    assert read.judges is None
    assert np.array_equal(read.top_labels, evidence_from_probs(probs, labels).top_labels)


def test_scores_of_judges_without_their_labels_are_damage(tmp_path):
    arrays = with_judges().arrays()
    del arrays["judge_labels"]
    store(tmp_path, arrays)
    with pytest.raises(DataError, match=r"evidence\.npz is damaged: .*judge_labels"):
        read_evidence(tmp_path / "evidence.npz")


def test_judges_whose_scores_and_labels_differ_in_shape_are_refused():
    probs, labels = random_table(4, 3)
    judges = Judges(np.zeros((2, 4), dtype=np.float32), np.zeros((1, 4), dtype=np.int32))
    with pytest.raises(ValueError, match=r"judges: scores \(2, 4\), labels \(1, 4\)"):
        evidence_from_probs(probs, labels, judges=judges)
    three = np.zeros((3, 4), dtype=np.float32)
    judges = Judges(np.zeros((2, 4), dtype=np.float32), np.zeros((2, 4), dtype=np.int32), three)
    with pytest.raises(ValueError, match=r"judges: weights \(3, 4\), labels \(2, 4\)"):
        evidence_from_probs(probs, labels, judges=judges)
