import numpy as np
import pytest

from labelaudit.functional.voices import combine, fit_temperature, hear, log_softmax

C = 4


def _seen(n=4000, sharpness=3.0, seed=0):
    """Return logits and labels drawn from them."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=(n, C)) * sharpness
    labels = (np.exp(log_softmax(logits)).cumsum(1) > draw.random((n, 1))).argmax(1)
    return logits, labels


@pytest.mark.parametrize("factor", [0.25, 1.0, 6.0])
def test_the_temperature_undoes_any_scale(factor):
    logits, labels = _seen()
    assert fit_temperature(logits * factor, labels) == pytest.approx(factor, rel=0.1)


def test_a_temperature_of_many_samples_does_not_keep_step_with_their_order(monkeypatch):
    monkeypatch.setattr("labelaudit.functional.voices._MOST_ASKED", 1000)
    logits, labels = _seen(20_000)
    order = np.argsort(labels.reshape(-1, 1000).T.ravel(), kind="stable")
    assert fit_temperature(logits[order] * 2, labels[order]) == pytest.approx(2.0, rel=0.2)


def test_a_witness_that_sees_nothing_has_no_vote():
    logits, labels = _seen()
    blind = hear(np.random.default_rng(1).normal(size=logits.shape), labels)
    seeing = hear(logits, labels)
    assert seeing.votes
    assert seeing.gain > 0.5
    assert not blind.votes
    assert blind.gain < 0.01
    log_probs, weights = combine({"blind": blind, "seeing": seeing})
    assert weights == {"blind": 0.0, "seeing": 1.0}
    np.testing.assert_allclose(log_probs, seeing.log_probs, atol=1e-6)


def test_voices_of_the_same_sight_are_averaged():
    logits, labels = _seen()
    one, two = hear(logits, labels), hear(np.roll(logits, 1, axis=0) * 0.1 + logits, labels)
    log_probs, weights = combine({"one": one, "two": two})
    np.testing.assert_allclose(log_probs, log_softmax((one.log_probs + two.log_probs) / 2), atol=1e-6)
    assert weights == {"one": 0.5, "two": 0.5}


def test_where_nobody_sees_anything_the_best_is_heard():
    labels = np.arange(400) % C
    worse, better = (hear(np.random.default_rng(seed).normal(size=(400, C)), labels) for seed in (1, 2))
    if worse.gain > better.gain:
        worse, better = better, worse
    assert combine({"worse": worse, "better": better})[1] == {"worse": 0.0, "better": 1.0}


def test_one_class_alone_leaves_nothing_to_explain():
    witness = hear(np.zeros((5, 2)), np.zeros(5, dtype=np.int64))
    assert witness.gain == 0.0
    assert not witness.votes


def test_a_worse_witness_weighs_less_by_how_much_it_falls_short():
    logits, labels = _seen()
    good, bad = hear(logits, labels), hear(logits + np.random.default_rng(1).normal(size=logits.shape) * 4, labels)
    _, weights = combine({"good": good, "bad": bad}, tolerance=0.1)
    assert weights["good"] + weights["bad"] == pytest.approx(1.0)
    assert weights["bad"] / weights["good"] == pytest.approx(np.exp((bad.accuracy - good.accuracy) / 0.1))
    assert weights["bad"] < 0.5
