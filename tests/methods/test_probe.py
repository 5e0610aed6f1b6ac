"""The probe: against a slow reference, on odd data, and what it finds."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from labelaudit.core.errors import ConfigError
from labelaudit.methods.probe import run
from labelaudit.training import probing
from labelaudit.training.probing import Opinion, Options, assign_folds, probe, text_options
from tests.methods.jobs import blobs, image_job, vector_job

QUICK = Options(head_epochs=10, neighbours=20)


def _probe(values, given, n_classes, options=QUICK, seed=0) -> Opinion:
    return probe(torch.as_tensor(values), torch.as_tensor(given), n_classes, options, seed=seed)


def _log_odds(opinion, given):
    """How much more probable the best other label is than the given one."""
    others = opinion.log_probs.copy()
    others[np.arange(len(given)), given] = -np.inf
    return others.max(1) - opinion.log_probs[np.arange(len(given)), given]


def test_wrong_labels_come_first():
    values, given, true = blobs(600, 4, rate=0.2, spread=1.5)
    opinion = _probe(values, given, 4)
    assert average_precision_score(given != true, _log_odds(opinion, given)) > 0.97
    assert list(opinion.voices) == ["robust", "plain", "neighbours"]


def test_robust_heads_learn_many_classes_too():
    rng = np.random.default_rng(0)
    given = np.arange(1800) % 60
    values = (rng.normal(size=(60, 256))[given] + 3 * rng.normal(size=(1800, 256))).astype(np.float32)
    voices = _probe(values, given, 60, dataclasses.replace(QUICK, head_epochs=40, rounds=1, folds=2)).voices
    assert voices["robust"]["accuracy"] > 0.8


def test_every_class_is_shared_out_over_the_folds():
    labels = torch.arange(90) % 3
    folds = assign_folds(labels, 5, torch.Generator().manual_seed(0))
    assert [int(((folds == fold) & (labels == 1)).sum()) for fold in range(5)] == [6] * 5


@pytest.mark.parametrize("options", [dataclasses.replace(QUICK, neighbours=0), text_options(QUICK)])
def test_the_own_label_has_no_say_in_the_opinion_of_a_sample(options):
    values, given, _ = blobs(90, 3, rate=0.0)
    before = _probe(values, given, 3, options)
    swapped = given.copy()
    swapped[[0, 1]] = swapped[[1, 0]]  # the classes keep their sizes
    after = _probe(values, swapped, 3, options)
    assert after.log_probs[0].argmax() == before.log_probs[0].argmax() == given[0]
    assert after.log_probs[1].argmax() == before.log_probs[1].argmax() == given[1]


def test_texts_are_judged_by_more_neighbours_alone():
    values, given, true = blobs(300, 3, rate=0.2)
    opinion = _probe(values, given, 3, text_options(QUICK))
    assert {name: each["weight"] for name, each in opinion.voices.items()} == {"neighbours": 1.0}
    assert text_options(QUICK).neighbours == 2 * QUICK.neighbours
    assert average_precision_score(given != true, _log_odds(opinion, given)) > 0.95


def test_a_forest_is_heard_where_only_trees_see_the_classes():
    draw = np.random.default_rng(0)
    values = draw.uniform(0, 4, size=(400, 8)).astype(np.float32)
    true = values[:, 0].astype(int) % 2 == 1  # bands: no line tells them apart, and the other columns blur distances
    wrong = draw.random(400) < 0.1
    given = (true ^ wrong).astype(np.int64)
    opinion = _probe(values, given, 2, dataclasses.replace(QUICK, trees=100))
    assert opinion.voices["trees"]["weight"] > 0.9
    without = _probe(values, given, 2)
    reached = [average_precision_score(wrong, _log_odds(each, given)) for each in (without, opinion)]
    assert reached[0] < 0.4 < 0.6 < reached[1]


@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(n_classes):
    values, given, _ = blobs(120, n_classes, rate=0.2)
    once, again, other = (_probe(values, given, n_classes, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(once.log_probs, again.log_probs)
    assert not np.array_equal(once.log_probs, other.log_probs)
    np.testing.assert_allclose(np.exp(once.log_probs).sum(1), 1.0, rtol=1e-5)


def test_the_order_of_the_samples_hardly_matters():
    values, given, true = blobs(600, 4, rate=0.2, spread=1.5)
    order = np.random.default_rng(0).permutation(600)
    here, there = _probe(values, given, 4), _probe(values[order], given[order], 4)
    assert np.corrcoef(_log_odds(here, given)[order], _log_odds(there, given[order]))[0, 1] > 0.98
    assert average_precision_score((given != true)[order], _log_odds(there, given[order])) > 0.97


def test_a_rare_class_is_not_accused_for_being_rare():
    rng = np.random.default_rng(0)
    true = np.concatenate([np.zeros(500), np.ones(500), np.full(12, 2)]).astype(np.int64)
    values = (rng.normal(size=(3, 16)) * 2)[true] + rng.normal(size=(len(true), 16))
    given = np.where(rng.random(len(true)) < 0.1, (true + 1) % 2, true)
    given[true == 2] = 2
    opinion = _probe(values.astype(np.float32), given, 3, Options())
    assert (_log_odds(opinion, given)[true == 2] < 0).mean() > 0.9


@pytest.mark.parametrize(
    ("values", "given", "n_classes"),
    [
        (np.ones((40, 3)), np.arange(40) % 2, 2),
        (np.zeros((3, 4)), np.array([0, 1, 0]), 2),
        (np.eye(4), np.array([0, 1, 2, 2]), 3),
        (np.random.default_rng(0).normal(size=(2, 1)), np.array([0, 1]), 2),
        (np.random.default_rng(0).normal(size=(30, 700)), np.arange(30) % 7, 9),  # classes that nobody has
        (np.random.default_rng(0).normal(size=(50, 3)) * 1e20, np.arange(50) % 2, 2),
    ],
    ids=["constant", "three", "fewer than folds", "two", "wide", "huge"],
)
def test_odd_data_give_probabilities(values, given, n_classes):
    opinion = _probe(values.astype(np.float32), given, n_classes)
    assert opinion.log_probs.shape == (len(given), n_classes)
    assert np.isfinite(opinion.log_probs).all()
    np.testing.assert_allclose(np.exp(opinion.log_probs).sum(1), 1.0, rtol=1e-5)
    assert sum(each["weight"] for each in opinion.voices.values()) == pytest.approx(1.0, abs=1e-3)


def test_features_that_say_nothing_have_no_vote_beside_one_that_does():
    values, given, _ = blobs(400, 4, rate=0.1)
    noise = np.random.default_rng(0).normal(size=values.shape).astype(np.float32)
    assert all(each["explains"] > 0.3 for each in _probe(values, given, 4).voices.values())
    assert all(each["explains"] < 0.02 for each in _probe(noise, given, 4).voices.values())


def test_evidence_is_that_of_unseen_labels_and_says_who_was_heard():
    values, given, true = blobs(300, 3, rate=0.2)
    evidence = run(vector_job(values, given, 3), QUICK)
    assert set(evidence.witnesses) == {"probe"}
    assert evidence.scores["strange"].shape == (300,)
    assert len(evidence.losses) == 300
    assert average_precision_score(given != true, evidence.losses) > 0.95
    assert evidence.stages["probe"].keys() == {"robust", "plain", "neighbours"}
    assert evidence.stages["probe"]["robust"]["weight"] > 0


def test_fewer_samples_to_choose_among_still_find_neighbours(monkeypatch):
    monkeypatch.setattr("labelaudit.training.probing._MOST_PRODUCTS", 1200 * 8 * 1000)
    values, given, true = blobs(1200, 3, rate=0.2)
    opinion = _probe(values, given, 3, dataclasses.replace(QUICK, head_epochs=0))
    pool = probing._pool(1200, 8, 0)
    assert pool is not None
    assert len(pool) == 1000
    assert (opinion.log_probs.argmax(1) == true).mean() > 0.97


def test_settings_out_of_range_are_named():
    out_of_range: list[tuple[str, Any, str]] = [
        ("folds", 1, "2 or more"),
        ("q", 0.0, "above 0, at most 1"),
        ("l2", -0.1, "0 or more"),
        ("head_epochs", -1, "0 or more"),
    ]
    for name, value, text in out_of_range:
        with pytest.raises(ConfigError, match=rf"method.{name} = {value}: expected {text}"):
            Options(**{name: value})


def test_samples_of_no_class_are_strange():
    values, given, _ = blobs(600, 4, rate=0.1)
    between = values[:60] * 0.0 + values.mean(0) + np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    evidence = run(vector_job(np.concatenate([values, between]), np.concatenate([given, given[:60]]), 4), QUICK)
    strange = evidence.scores["strange"]
    assert (strange[600:, None] > strange[None, :600]).mean() > 0.9


def test_images_work_like_vectors():
    job, wrong = image_job(240, 3)
    evidence = run(job, QUICK)
    assert average_precision_score(wrong, evidence.losses) > 0.7


def test_the_parts_of_the_ranks_are_the_whole():
    values, given, _ = blobs(101, 3, rate=0.2)
    evidence = run(vector_job(values, given, 3), QUICK)
    parts = [evidence.part(slice(rank, None, 2)) for rank in range(2)]
    for name, whole in evidence.arrays().items():
        merged = whole.copy()
        for rank, part in enumerate(parts):
            rows = part.arrays()[name]
            assert len(rows.T if name.startswith("judge") else rows) == [51, 50][rank]
            (merged.T if name.startswith("judge") else merged)[rank::2] = rows.T if name.startswith("judge") else rows
        assert np.array_equal(merged, whole)
