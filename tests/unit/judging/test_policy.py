"""From evidence to verdicts, on synthetic evidence with a known answer."""

from typing import Any

import numpy as np
import pytest

from labelaudit.core.dataset import SMALLEST_CLASS
from labelaudit.core.errors import ConfigError
from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.findings import Action, Issue
from labelaudit.core.recipe import PolicySettings
from labelaudit.judging.mixtures import calibrate_by_mixture
from labelaudit.judging.policy import Verdicts, best_other, decide, judge

N, C = 200, 4
WRONG = np.arange(N) < 40  # 20 % wrong labels
TRUE = np.arange(N) % C
GIVEN = np.where(WRONG, (TRUE + 1) % C, TRUE)


def evidence(seed: int = 0) -> Any:
    """Return (N, C) probabilities of a network that mostly knows the true class."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=0.5, size=(N, C))
    logits[np.arange(N), TRUE] += rng.normal(4.0, 0.7, size=N)
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def judged(probs: Any = None, given: Any = GIVEN, **changes: Any) -> Verdicts:
    probs = evidence() if probs is None else probs
    n = len(given)
    fields: dict[str, Any] = {
        "settings": PolicySettings(),
        "trusted": np.zeros(n, dtype=bool),
        "conflict": np.zeros(n, dtype=bool),
        "class_counts": np.bincount(given, minlength=C),
    }
    return judge(evidence_from_probs(probs, given), given, **fields | changes)


def test_planted_errors_are_found_and_their_true_labels_suggested():
    found = judged()
    assert np.array_equal(found.action == Action.RELABEL, WRONG)
    assert np.array_equal(found.issue == Issue.MISLABELLED, WRONG)
    assert (found.action[~WRONG] == Action.KEEP).all()
    assert np.array_equal(found.suggested[WRONG], TRUE[WRONG])
    assert found.noise_rate == pytest.approx(WRONG.mean(), abs=0.03)


def test_the_suggestion_is_never_the_given_label_and_its_probability_is_what_the_others_share():
    probs = evidence()
    found = judged(probs)
    for i in range(N):
        others = [c for c in range(C) if c != GIVEN[i]]
        best = max(others, key=lambda c: probs[i, c])
        assert found.suggested[i] == best
        share = probs[i, best] / sum(probs[i, c] for c in others)
        assert found.suggested_prob[i] == pytest.approx((1 - found.clean_prob[i]) * share)


def test_trusted_samples_are_clean_by_decree_and_never_suspects():
    trusted = WRONG & (np.arange(N) % 2 == 0)
    found = judged(trusted=trusted, conflict=np.ones(N, dtype=bool))
    assert (found.clean_prob[trusted] == 1.0).all()
    assert (found.suggested_prob[trusted] == 0.0).all()
    assert (found.action[trusted] == Action.KEEP).all()
    assert (found.issue[trusted] == Issue.NONE).all()
    assert (found.action[WRONG & ~trusted] == Action.RELABEL).all()


def test_the_noise_rate_and_the_mixture_leave_trusted_samples_out():
    trusted = WRONG & (np.arange(N) % 2 == 0)  # 20 wrong ones stay among 180
    found = judged(trusted=trusted)
    assert found.noise_rate == pytest.approx(20 / 180, abs=0.02)
    assert found.noise_rate == pytest.approx((1 - found.clean_prob[~trusted]).mean())
    alone = calibrate_by_mixture(
        evidence_from_probs(evidence()[~trusted], GIVEN[~trusted]), counted=np.ones(180, dtype=bool)
    )
    assert found.mixture == alone.mixture


def test_a_mixture_can_be_named_and_planted_labels_be_asked_for():
    found = judged(settings=PolicySettings(mixture="robust"))
    assert found.mixture is not None
    assert (found.mixture["kind"], found.mixture["held_out"]) == ("robust", {})
    with pytest.raises(ConfigError, match=r"policy\.calibration = 'planted': there are no known-wrong labels here"):
        judged(settings=PolicySettings(calibration="planted"))


def test_where_every_sample_is_trusted_there_is_no_mixture_and_no_noise():
    found = judged(trusted=np.ones(N, dtype=bool))
    assert (found.noise_rate, found.mixture) == (0.0, None)
    assert (found.action == Action.KEEP).all()


@pytest.mark.parametrize(("size", "action", "issue"), [(4, "review", "rare-class"), (5, "relabel", "mislabelled")])
def test_suspects_of_a_class_below_five_samples_go_to_review(size, action, issue):
    assert SMALLEST_CLASS == 5
    found = judged(class_counts=np.array([50, size, 50, 50]))
    small = WRONG & (GIVEN == 1)
    assert small.sum() == 10
    assert (found.action[small] == action).all()
    assert (found.issue[small] == issue).all()
    assert (found.action[WRONG & ~small] == Action.RELABEL).all()
    assert (found.action[~WRONG] == Action.KEEP).all()


def test_twins_under_other_labels_are_reviewed_unless_a_better_label_is_known():
    conflict = np.zeros(N, dtype=bool)
    conflict[[0, 100]] = True  # a wrong label and a right one
    found = judged(conflict=conflict)
    assert [found.action[0], found.action[100]] == [Action.RELABEL, Action.REVIEW]
    assert [found.issue[0], found.issue[100]] == [Issue.DUPLICATE_CONFLICT] * 2
    assert (found.issue[~conflict & ~WRONG] == Issue.NONE).all()


def test_thresholds_are_respected_at_their_very_values():
    clean, suggested = np.array([0.3, 0.29, 0.29, 0.0]), np.array([0.9, 0.6, 0.59, 1.0])
    action, issue = decide(clean, suggested, PolicySettings(suspect_below=0.3, suggest_above=0.6))
    assert action.tolist() == ["keep", "relabel", "review", "relabel"]
    assert issue.tolist() == ["", "mislabelled", "ambiguous", "mislabelled"]


@pytest.mark.parametrize("below", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("above", [0.2, 0.9])
def test_actions_follow_from_the_probabilities_and_the_thresholds(below, above):
    found = judged(settings=PolicySettings(below, above))
    for clean, suggested, action in zip(found.clean_prob, found.suggested_prob, found.action, strict=True):
        expected = "keep" if clean >= below else ("relabel" if suggested >= above else "review")
        assert action == expected


def test_the_best_other_label_is_the_second_where_the_first_is_the_given_one():
    evidence = Evidence(
        losses=np.array([0.5, 1.6]),
        given_probs=np.array([0.6, 0.2]),
        top_labels=np.array([[2, 0], [1, 2]]),
        top_probs=np.array([[0.6, 0.3], [0.5, 0.2]]),
    )
    others, share = best_other(evidence, np.array([2, 2]))
    assert others.tolist() == [0, 1]
    assert share == pytest.approx([0.3 / 0.4, 0.5 / 0.8])


def test_the_share_of_the_best_other_stays_a_probability_where_the_given_label_is_certain():
    evidence = Evidence(np.zeros(1), np.ones(1), np.array([[0, 1]]), np.array([[1.0, 1e-9]]))
    assert best_other(evidence, np.array([0]))[1].tolist() == [1.0]


def test_losses_that_are_all_alike_are_no_evidence_and_make_no_suspects():
    found = judged(np.full((N, C), 1 / C))
    assert found.mixture is None
    assert (found.clean_prob == 1.0).all()
    assert (found.action == Action.KEEP).all()
    assert found.noise_rate == 0.0


def test_permuting_the_samples_permutes_the_judgements():
    probs = evidence()
    probs[::7] = probs[0]  # equal evidence must not depend on its place either
    order = np.random.default_rng(1).permutation(N)
    conflict = np.arange(N) % 11 == 0
    whole = judged(probs, conflict=conflict)
    moved = judged(probs[order], GIVEN[order], conflict=conflict[order])
    assert moved.clean_prob == pytest.approx(whole.clean_prob[order], rel=1e-9)
    assert np.array_equal(moved.suggested, whole.suggested[order])
    assert np.array_equal(moved.action, whole.action[order])
    assert np.array_equal(moved.issue, whole.issue[order])
    assert moved.noise_rate == pytest.approx(whole.noise_rate)


@pytest.mark.parametrize(("n", "kinds"), [(29, ["too-few"]), (30, [])])
def test_a_handful_of_labels_that_nothing_was_planted_among_is_called_too_few(n, kinds):
    some = np.arange(0, N, 5)[:n]
    found = judged(evidence()[some], GIVEN[some])
    assert [doubt.kind for doubt in found.doubts] == kinds
    assert n == 30 or not (found.action == Action.RELABEL).any()
