"""What witnesses dispute, on made-up witnesses whose right and wrong labels are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelaudit.core.evidence import Witness
from labelaudit.judging.disputes import read_disputes

N, C = 4000, 5


def made_up(wrong: float, *, unsure: float = 0.15, seed: int = 0, skill: float = 1.0) -> tuple[Any, Any, Any]:
    """Return a witness, (N,) given labels and (N,) whether they are wrong.

    It prefers the true class by 1 to 4 nats, and mistakes a share of the samples, by half as much.
    """
    draw = np.random.default_rng(seed)
    true = draw.integers(0, C, N)
    is_wrong = draw.random(N) < wrong
    given = np.where(is_wrong, (true + draw.integers(1, C, N)) % C, true)
    errs = draw.random(N) < unsure
    knows = draw.random(N) < skill
    seen = np.where(errs | ~knows, draw.integers(0, C, N), true)
    sure = draw.uniform(1.0, 4.0, N) * np.where(errs, draw.uniform(0.0, 0.5, N), 1.0)
    against = np.where(seen == given, -sure, sure)
    return Witness(against.astype(np.float32), seen.astype(np.int32), is_taught=False), given, is_wrong


def read(witnesses: dict[str, Witness], given: Any, counted: Any = None, *, n_classes: int = C) -> Any:
    every = np.ones(len(given), dtype=bool)
    counts = np.bincount(given, minlength=C) if n_classes == C else np.full(n_classes, len(given) // n_classes)
    return read_disputes(witnesses, given, counts, counted=every if counted is None else counted)


@pytest.mark.parametrize("wrong", [0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_share_of_wrong_labels_lies_between_what_is_certain_and_what_is_possible(wrong, seed):
    witness, given, is_wrong = made_up(wrong, seed=seed)
    disputes = read({"head": witness}, given)
    noise = disputes.noise
    assert noise.low <= is_wrong.mean() <= noise.high
    assert noise.low > 0 or wrong < 0.1 or not disputes.is_learnt  # few beside the witness's own mistakes prove nothing
    assert disputes.is_learnt or wrong == 0.4  # a witness that disputes half of all labels knows too little
    assert noise.rate == pytest.approx(is_wrong.mean(), rel=0.4, abs=0.01) or not disputes.is_learnt


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_proven_of_clean_labels(seed):
    witness, given, _ = made_up(0.0, seed=seed)
    disputes = read({"head": witness}, given)
    assert disputes.noise.low == 0
    assert disputes.proof < 0.25
    assert (disputes.wrong() > 0.5).mean() < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_a_witness_that_is_often_wrong_and_sure_of_it_accuses_nobody_of_clean_labels(seed):
    """As heads of a hundred classes are: 45 % agree, and a third of the disputes are as sure as its agreement."""
    draw = np.random.default_rng(seed)
    agrees = draw.random(N) < 0.45
    units = np.where(agrees, -draw.uniform(0, 1.1, N), draw.uniform(0, 1.0, N))
    witness = Witness(units.astype(np.float32), np.where(agrees, 0, 1).astype(np.int32), is_taught=False)
    disputes = read({"head": witness}, np.zeros(N, dtype=np.int64), n_classes=100)
    assert float((disputes.disputed > 0.7).mean()) > 0.15
    assert not disputes.is_learnt
    assert disputes.noise.low == 0


def test_labels_that_nobody_would_confuse_are_found_by_a_weak_witness_too():
    """Wrong labels of a hundred classes stand beyond the witness's own mistakes: so much is certain, and flagged."""
    draw = np.random.default_rng(0)
    agrees, is_wrong = draw.random(N) < 0.35, draw.random(N) < 0.08
    own = np.where(agrees, -draw.uniform(0, 1.1, N), draw.uniform(0, 1.0, N))
    against = np.where(is_wrong, draw.uniform(1.0, 3.5, N), own)
    witness = Witness(against.astype(np.float32), np.where(against < 0, 0, 1).astype(np.int32), is_taught=False)
    disputes = read({"head": witness}, np.zeros(N, dtype=np.int64), n_classes=100)
    flagged = disputes.wrong() > 0.5
    assert disputes.is_learnt
    assert 0.01 < disputes.noise.low <= is_wrong.mean() <= disputes.noise.high
    assert is_wrong[flagged].mean() > 0.95
    assert flagged[is_wrong].mean() > 0.7


def test_another_temperature_changes_nothing():
    witness, given, _ = made_up(0.2)
    hot = Witness(witness.against / 7, witness.predicted, is_taught=False)
    one, other = read({"head": witness}, given), read({"head": hot}, given)
    assert other.disputed == pytest.approx(one.disputed, abs=1e-5)
    assert other.noise.rate == pytest.approx(one.noise.rate, abs=1e-5)


def test_a_blind_witness_is_not_heard_and_a_second_good_one_is():
    witness, given, is_wrong = made_up(0.2)
    other, _, _ = made_up(0.2, unsure=0.25)
    draw = np.random.default_rng(9)
    blind = Witness(draw.normal(0, 5, N).astype(np.float32), draw.integers(0, C, N).astype(np.int32), is_taught=False)
    alone = read({"head": witness}, given)
    beside = read({"head": witness, "blind": blind}, given)
    assert not beside.opinions["blind"].has_vote
    assert beside.disputed == pytest.approx(alone.disputed)
    both = read({"head": witness, "network": other}, given)
    assert both.opinions["network"].has_vote
    mean = (witness.against / both.opinions["head"].unit + other.against / both.opinions["network"].unit) / 2
    assert both.disputed == pytest.approx(mean, rel=1e-5)
    assert is_wrong[both.wrong() > 0.5].mean() > is_wrong.mean()


def test_a_witness_that_guesses_proves_nothing_however_sure_it_is():
    witness, given, _ = made_up(0.0, skill=0.1)
    disputes = read({"head": witness}, given)
    assert not disputes.is_learnt
    assert disputes.noise.low == 0


def test_samples_that_do_not_count_are_judged_but_change_nothing():
    witness, given, _ = made_up(0.2)
    half = np.arange(N) < N // 2
    changed = witness.against.copy()
    changed[~half] = 50.0
    some = read({"head": witness}, given, half)
    other = read({"head": Witness(changed, witness.predicted, is_taught=False)}, given, half)
    assert other.noise == some.noise
    assert (other.wrong()[~half] > 0.99).all()


def test_few_samples_or_no_witness_say_nothing():
    witness, given, _ = made_up(0.2)
    assert read({}, given) is None
    assert read({"head": witness}, given, np.arange(N) < 20) is None
