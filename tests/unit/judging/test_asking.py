"""What answers of people say of all labels."""

from __future__ import annotations

import numpy as np
import pytest

from labelaudit.core.shares import Share
from labelaudit.judging.asking import (
    Answers,
    Number,
    as_ranked,
    believe,
    draw_questions,
    flag_threshold,
    weighed_rate,
    would_narrow,
)


def answers(rows, wrong, *, blind=True):
    rows = np.asarray(rows, dtype=np.int64)
    return Answers(rows, np.asarray(wrong, dtype=bool), np.full(len(rows), blind))


NOBODY = answers([], [])


def labelled(n=1500, *, rate=0.15, overlap=1.0, hidden=0.0, seed=0):
    """Return (N,) evidence against labels and which are wrong; some wrong ones look like right ones."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < rate
    looks_wrong = wrong & (rng.random(n) >= hidden)
    return np.where(looks_wrong, 2.0, -3.0) + overlap * rng.normal(size=n), wrong


def asked(against, wrong, n, *, seed=0, wave=10):
    """Return the belief after n questions in waves, answered by the truth, and what each said of the rate alone."""
    rng = np.random.default_rng(seed)
    belief = believe(against, NOBODY)
    rows: list[int] = []
    singles = []
    while len(rows) < n:
        questions = draw_questions(belief, min(wave, n - len(rows)), rng=rng)
        rows += questions.rows.tolist()
        singles.append((belief.wrong[questions.rows], questions.probability, belief.wrong[~belief.known].mean()))
        belief = believe(against, answers(rows, wrong[rows]))
    return belief, np.array(rows), singles


@pytest.mark.parametrize(("rate", "hidden"), [(0.03, 0.0), (0.15, 0.0), (0.4, 0.0), (0.2, 0.3)])
def test_the_interval_holds_the_rate(rate, hidden):
    held, errors = 0, []
    for seed in range(20):
        against, wrong = labelled(rate=rate, hidden=hidden, overlap=1.5, seed=seed)
        found = asked(against, wrong, 30, seed=seed)[0].rate
        held += found.low <= wrong.mean() <= found.high
        errors.append(abs(found.rate - wrong.mean()))
    assert held >= 16
    assert np.median(errors) < (0.05 if hidden else 0.025)


def test_clean_labels_are_called_clean_after_some_answers():
    against, _ = labelled(rate=0.0, overlap=1.5)
    right = np.zeros(len(against), dtype=bool)
    belief = asked(against, right, 30)[0]
    assert belief.rate.low == 0.0
    assert belief.rate.high < 0.06
    assert (belief.wrong >= belief.flag_from).mean() < 0.01


def test_answers_that_suspects_are_right_bring_the_rate_down():
    against, _ = labelled(rate=0.15, seed=3)
    before = believe(against, NOBODY)
    suspects = np.flatnonzero(before.wrong >= before.flag_from)
    after = believe(against, answers(suspects, np.zeros(len(suspects)), blind=False))
    assert before.rate.rate > 0.1
    assert after.rate.low == 0.0
    assert after.rate.high < 0.03
    assert not (after.wrong >= after.flag_from).any()


def test_clean_probabilities_are_calibrated_after_answers():
    against, wrong = labelled(rate=0.3, overlap=1.5, n=3000)
    belief = asked(against, wrong, 60)[0]
    bins = np.minimum((belief.wrong * 10).astype(int), 9)
    gaps = [abs(belief.wrong[bins == k].mean() - wrong[bins == k].mean()) * (bins == k).mean() for k in set(bins)]
    assert sum(gaps) < 0.065


def test_more_evidence_never_means_less_wrong():
    against, wrong = labelled()
    belief, rows, _ = asked(against, wrong, 30)
    rest = np.setdiff1d(np.argsort(against), rows, assume_unique=True)
    assert (np.diff(belief.wrong[rest[np.argsort(against[rest])]]) >= -1e-9).all()
    assert belief.wrong[rows].tolist() == wrong[rows].astype(float).tolist()


def test_questions_are_drawn_as_often_as_their_probability_says():
    against, _ = labelled(n=60)
    belief = believe(against, NOBODY)
    drawn = np.zeros(60)
    for seed in range(3000):
        questions = draw_questions(belief, 1, rng=np.random.default_rng(seed))
        drawn[questions.rows] += 1
    every = draw_questions(belief, 60, rng=np.random.default_rng(0))
    probability = np.empty(60)
    probability[every.rows] = every.probability
    assert probability.sum() == pytest.approx(1.0)
    assert probability.min() >= 0.15 / 60
    assert np.abs(drawn / 3000 - probability).max() < 4 * np.sqrt(probability.max() / 3000)


def test_nobody_is_asked_twice_and_all_in_the_end():
    against, wrong = labelled(n=40)
    belief, rows, _ = asked(against, wrong, 40, wave=7)
    assert sorted(rows.tolist()) == list(range(40))
    assert belief.rate == Share(wrong.mean(), wrong.mean(), wrong.mean())
    assert len(draw_questions(belief, 10, rng=np.random.default_rng(0)).rows) == 0


def test_the_weighed_rate_is_unbiased_though_the_expectation_is_wrong():
    rng = np.random.default_rng(0)
    wrong = rng.random(200) < 0.3
    expected = np.full(200, 0.05)
    probability = rng.random(200) + 0.2
    probability /= probability.sum()
    rates = []
    for _ in range(400):
        rows = rng.choice(200, 40, p=probability)
        rates.append(weighed_rate(expected[rows], wrong[rows], probability[rows], mean_expected=0.05, n_open=200).rate)
    assert np.mean(rates) == pytest.approx(wrong.mean(), abs=0.02)


def test_a_flag_starts_at_half_of_the_best_f1():
    wrong = np.array([0.9, 0.8, 0.4, 0.1, 0.1, 0.0])
    best = max(2 * wrong[:k].sum() / (k + wrong.sum()) for k in range(1, 7))
    assert flag_threshold(wrong) == pytest.approx(best / 2)
    assert flag_threshold(np.full(5, 0.01)) == 0.2
    assert flag_threshold(np.ones(5)) == 0.5


def test_expected_errors_are_those_of_the_rows_asked_for():
    against, wrong = labelled()
    belief, rows, _ = asked(against, wrong, 30)
    only = np.zeros(len(against), dtype=bool)
    only[rows] = True
    assert belief.expected(only) == Number(wrong[rows].sum(), wrong[rows].sum(), wrong[rows].sum())
    rest = belief.expected(~only)
    assert rest.low <= wrong[~only].sum() <= rest.high
    assert rest.expected == pytest.approx(belief.wrong[~only].sum())


def test_a_detector_moves_the_belief_before_there_are_answers():
    against, _ = labelled(rate=0.15)
    low, none, high = (
        believe(against, NOBODY, detector=detector).rate.rate
        for detector in (Share(0.02, 0.01, 0.03), None, Share(0.4, 0.35, 0.45))
    )
    assert low < none < high


def test_what_thirty_answers_would_bring_is_foretold():
    widths = []
    for seed in range(6):
        against, wrong = labelled(overlap=1.5, seed=seed)
        found = asked(against, wrong, 30, seed=seed)[0].rate
        widths.append((found.high - found.low) / 2)
    assert would_narrow(against, 30) == pytest.approx(np.mean(widths), rel=0.3)
    assert would_narrow(against, 120) == pytest.approx(would_narrow(against, 30) / 2)


def test_ranks_take_the_values_of_the_evidence_in_their_order():
    against = np.array([0.5, -2.0, 3.0])
    assert as_ranked(against, np.array([3, 1, 2])).tolist() == [-2.0, 3.0, 0.5]
    spread = as_ranked(against, np.array([1, 2, 3, 4, 5, 6]))
    assert (np.diff(spread) <= 0).all()
