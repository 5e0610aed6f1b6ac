"""The rivals: who is found, who is flagged by which rule, and that all train on as many samples."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from labelaudit.core.errors import ConfigError, TrainingError
from labelaudit.core.events import EpochFinished, ignore
from labelaudit.functional.metrics import auroc
from labelaudit.lab.obvious import cross_validate_elsewhere
from labelaudit.lab.opinion import Opinion, best_other, figures
from labelaudit.lab.rivals import RIVALS, Contest, families, resolve_rivals, run_rivals
from labelaudit.lab.rivals_by_folds import argmax_opinion, cleanlab_opinion
from labelaudit.lab.rivals_by_learning import neighbours_opinion, small_loss_opinion
from labelaudit.training.batches import Pixels
from tests.methods.jobs import blobs, image_job, vector_job

N, PASSES = 300, 8
VALUES, GIVEN, TRUE = blobs(N, 3, rate=0.2)


def contest(on_event=ignore):
    return Contest(
        make_job=lambda n_classes: vector_job(VALUES, GIVEN, n_classes, on_event=on_event),
        n_classes=3,
        given=GIVEN,
        passes=PASSES,
        peak_lr=3e-3,
        backbone="mlp",
        vectors=torch.from_numpy(VALUES),
    )


ON_VECTORS = ("embeddings-cleanlab", "boosting-cleanlab")  # train no network


@pytest.mark.parametrize("name", ON_VECTORS)
def test_rivals_on_vectors_find_planted_errors_by_out_of_sample_probabilities(name):
    pytest.importorskip("cleanlab", reason="needs the bench extra")
    (found,) = run_rivals(contest(), [name]).values()
    wrong = GIVEN != TRUE
    assert auroc(found.opinion.score, wrong) > 0.9
    assert found.opinion.flagged[wrong].mean() > found.opinion.flagged[~wrong].mean()
    with pytest.raises(ConfigError, match="needs vectors"):
        run_rivals(replace(contest(), vectors=None), [name])


@pytest.mark.parametrize("name", [name for name in RIVALS if name not in ("cleanlab-obvious", *ON_VECTORS)])
def test_every_rival_finds_planted_errors_with_the_same_number_of_training_samples(name):
    if name == "cleanlab":
        pytest.importorskip("cleanlab", reason="needs the bench extra")
    epochs = []
    (found,) = run_rivals(
        contest(lambda event: epochs.append(event) if isinstance(event, EpochFinished) else None), [name]
    ).values()
    wrong = GIVEN != TRUE
    assert found.images == PASSES * N
    seen = len(epochs) * N * (4 / 5 if name in ("cleanlab", "argmax") else 1)
    assert seen == found.images
    assert found.seconds > 0
    assert auroc(found.opinion.score, wrong) > 0.9
    assert found.opinion.flagged[wrong].mean() > found.opinion.flagged[~wrong].mean()
    assert (found.opinion.suggested != GIVEN).all()


def test_rivals_that_share_their_training_are_run_together():
    assert families(["cleanlab", "elr", "neighbours", "argmax", "small-loss"]) == [
        ["cleanlab", "argmax"],
        ["elr"],
        ["neighbours", "small-loss"],
    ]


def test_all_is_every_rival_that_the_data_allows():
    pytest.importorskip("cleanlab", reason="needs the bench extra")
    assert resolve_rivals(["all"], images=True) == [name for name in RIVALS if name != "boosting-cleanlab"]
    assert resolve_rivals(["argmax", "all"], images=False)[0] == "argmax"
    assert "cleanlab-obvious" not in resolve_rivals(["all"], images=False)
    with pytest.raises(ConfigError, match=r"rival 'cleanlab-obvious' is for images"):
        resolve_rivals(["cleanlab-obvious"], images=False)
    with pytest.raises(ConfigError, match=r"rival 'emr' is not known\.\nDid you mean 'elr'"):
        resolve_rivals(["emr"], images=True)


def test_argmax_flags_what_it_would_label_otherwise():
    probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    opinion = argmax_opinion(np.array([0, 0, 0]), probs)
    assert opinion.flagged.tolist() == [False, True, True]
    assert opinion.score == pytest.approx([0.1, 0.6, 0.8])
    assert opinion.suggested.tolist() == [1, 1, 1]
    assert opinion.noise_rate == pytest.approx(2 / 3)


def test_cleanlab_ranks_by_self_confidence():
    pytest.importorskip("cleanlab")
    rng = np.random.default_rng(0)
    true = np.arange(300) % 3
    given = true.copy()
    given[:30] = (given[:30] + 1) % 3
    probs = np.full((300, 3), 0.1) + 0.7 * np.eye(3)[true] + rng.uniform(0, 0.02, (300, 3))
    probs /= probs.sum(axis=1, keepdims=True)
    opinion = cleanlab_opinion(given, probs)
    assert set(np.argsort(-opinion.score)[:30]) == set(range(30))
    assert opinion.flagged[:30].all()
    assert opinion.noise_rate == pytest.approx(0.1, abs=0.03)


def test_small_loss_flags_the_component_with_the_higher_losses():
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.uniform(0.85, 0.95, 80), rng.uniform(0.02, 0.06, 20)])
    opinion = small_loss_opinion(np.zeros(100, dtype=np.int64), np.stack([confidence, 1 - confidence], axis=1))
    assert opinion.flagged.tolist() == [False] * 80 + [True] * 20
    assert opinion.noise_rate == pytest.approx(0.2, abs=0.01)
    assert opinion.score == pytest.approx(-np.log(confidence))


def test_neighbours_outvote_a_wrong_label():
    features = torch.cat([torch.tensor([[1.0, 0.01 * i]]) for i in range(12)] + [-torch.ones(12, 2)])
    given = np.array([0] * 12 + [1] * 12)
    given[3] = 1
    opinion = neighbours_opinion(given, features, np.full((24, 2), 0.5))
    assert np.flatnonzero(opinion.flagged).tolist() == [3]
    assert opinion.score[3] == pytest.approx(1.0)
    assert opinion.suggested[3] == 0
    assert opinion.score[20] == 0.0


def test_the_best_other_label_is_never_the_given_one():
    probs = np.array([[0.9, 0.08, 0.02], [0.0, 0.0, 1.0]])
    assert best_other(probs, np.array([0, 2])).tolist() == [1, 0]


def test_figures_of_a_perfect_opinion_are_perfect_and_undefined_ones_are_nan():
    given, true = np.array([0, 1, 1, 2]), np.array([0, 1, 0, -1])
    opinion = argmax_opinion(given, np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]], dtype=np.float64))
    found = figures(opinion, given, true)
    assert [found[name] for name in ("auroc", "ap", "p_at_k", "f1", "tpr", "relabel_accuracy")] == [1.0] * 6
    assert [found[name] for name in ("fpr", "noise_rate_error", "brier", "ece")] == [0.0] * 4
    assert found["flagged"] == 0.5
    clean = figures(opinion, given, given)
    assert np.isnan([clean[name] for name in ("auroc", "ap", "p_at_k", "f1", "tpr", "relabel_accuracy")]).all()
    assert clean["fpr"] == clean["flagged"] == 0.5


def test_right_labels_of_common_and_of_rare_classes_are_counted_apart():
    true = np.repeat([0, 1, 2], [20, 8, 2])
    given = np.where(np.arange(30) == 0, 1, true)
    flagged = np.zeros(30, dtype=bool)
    flagged[[0, 1, 20, 29]] = True
    opinion = Opinion(flagged.astype(float), flagged, true, noise_rate=0.1)
    found = figures(opinion, given, true)
    assert found["fpr_common"] == pytest.approx(2 / 27)  # classes 0 and 1; the first label is wrong
    assert found["fpr_rare"] == pytest.approx(1 / 2)
    even = np.repeat([0, 1, 2], 10)
    balanced = figures(opinion, even, even)
    assert np.isnan([balanced["fpr_common"], balanced["fpr_rare"]]).all()


@pytest.mark.slow
def test_the_obvious_loop_runs_in_a_process_of_its_own():
    job, wrong = image_job(120, 2, rate=0.1, size=16)
    given, inputs = job.samples.labels.numpy(), job.samples.inputs
    assert isinstance(inputs, Pixels)

    def validate(backbone):
        return cross_validate_elsewhere(
            inputs,
            given,
            backbone=backbone,
            n_classes=2,
            device=torch.device("cpu"),
            folds=2,
            epochs=3,
            peak_lr=0.05,
            batch_size=16,
            seed=0,
        )

    probs, seconds = validate("small")
    assert probs.shape == (120, 2)
    assert probs.sum(axis=1) == pytest.approx(np.ones(120), abs=1e-4)
    assert seconds > 0
    assert auroc(1 - probs[np.arange(120), given], wrong) > 0.7
    with pytest.raises(TrainingError, match=r"in its own process: .*ConfigError: backbone 'nonsense' is not known"):
        validate("nonsense")
