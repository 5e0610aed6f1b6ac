import numpy as np
import pytest

from labelaudit.core.evidence import Evidence
from labelaudit.judging.loss_mixture import GaussianLosses
from labelaudit.judging.mixtures import calibrate_by_mixture, fit_mixture, posterior_of
from labelaudit.report.histogram import (
    counted,
    dispute_histogram,
    expected,
    loss_histogram,
    mixture_of,
    odds_of,
    threshold_of,
)


def fitted(losses, kind):
    mixture = fit_mixture(losses, kind)
    assert mixture is not None
    return mixture


@pytest.fixture
def losses():
    draw = np.random.default_rng(3)
    odds = np.concatenate([draw.normal(-4, 1, 900), draw.normal(2, 0.7, 100)])
    return np.logaddexp(0.0, odds)


def test_every_sample_falls_into_one_cell_and_what_lies_beyond_into_the_outermost():
    values = np.array([-50.0, -1.0, 0.0, 0.99, 1.0, 50.0])
    kept, suspects = counted(values, np.array([0, 0, 0, 1, 1, 1], dtype=bool), np.array([-1.0, 0.0, 1.0]))
    assert kept.tolist() == [2, 1]
    assert suspects.tolist() == [0, 3]


def test_half_the_probability_is_odds_of_zero_and_a_loss_of_ln_2():
    assert odds_of(0.5) == 0.0
    histogram = loss_histogram(np.full(20, np.log(2.0)), np.zeros(20, dtype=bool), None, suspect_below=0.5)
    cell = int(np.argmax(histogram.kept))
    assert histogram.edges[cell] <= 0.0 <= histogram.edges[cell + 1]
    assert histogram.samples == 20
    assert histogram.curves is None  # all alike: there is no mixture


@pytest.mark.parametrize("kind", ["robust", "published", "log-odds"])
def test_a_mixture_expects_all_samples_split_by_its_weights(losses, kind):
    mixture = fitted(losses, kind)
    clean, noisy = expected(mixture, np.linspace(-9, 9, 49), len(losses))
    assert clean.sum() == pytest.approx(1000 * mixture.weight[0])
    assert clean.sum() + noisy.sum() == pytest.approx(1000)
    assert (clean >= -1e-9).all()


def test_log_odds_cells_are_differences_of_the_normal_distribution():
    mixture = GaussianLosses((0.0, 3.0), (1.0, 1.0), (0.5, 0.5), 0.0, 1)
    clean, _ = expected(mixture, np.array([-9.0, -1.0, 1.0, 9.0]), 200)
    assert clean.tolist() == pytest.approx([15.866, 68.269, 15.866], abs=1e-3)


def test_the_mixture_of_an_audit_is_read_back_as_it_was(losses):
    evidence = Evidence(losses, np.exp(-losses), np.zeros((1000, 2), dtype=np.int64), np.full((1000, 2), 0.5))
    facts = calibrate_by_mixture(evidence, counted=np.ones(1000, dtype=bool), kind="log-odds").mixture
    assert facts is not None
    assert mixture_of(facts) == fitted(losses, "log-odds")
    assert mixture_of({"kind": "of tomorrow"}) is None


def test_the_threshold_parts_suspects_from_kept_labels(losses):
    mixture = fitted(losses, "log-odds")
    at = threshold_of(mixture, believed=1.0, suspect_below=0.5)
    assert at is not None
    assert posterior_of(mixture, np.logaddexp(0.0, np.array([at - 0.02, at])))[0] < 0.5
    assert posterior_of(mixture, np.logaddexp(0.0, np.array([at])))[0] > 0.5
    assert threshold_of(mixture, believed=0.3, suspect_below=0.5) is None  # p(wrong) is .3 at most


def test_only_a_mixture_of_the_audit_has_a_threshold(losses):
    mixture = {"kind": "log-odds", "believed": 1.0, **fitted(losses, "log-odds").to_dict()}
    is_suspect = losses > 1
    told = loss_histogram(losses, is_suspect, mixture, suspect_below=0.5)
    fitted_here = loss_histogram(losses, is_suspect, None, suspect_below=0.5)
    assert told.curves is not None
    assert fitted_here.curves is not None
    assert (told.curves.is_of_audit, fitted_here.curves.is_of_audit) == (True, False)
    assert told.threshold is not None
    assert fitted_here.threshold is None
    assert told.curves.noisy.tolist() == pytest.approx(fitted_here.curves.noisy.tolist())
    assert told.suspects.sum() == is_suspect.sum()


def test_disputes_have_the_bar_as_threshold():
    histogram = dispute_histogram(np.array([-1.0, 0.5, 5.0]), np.array([False, True, True]), bar=0.15)
    assert histogram.threshold == 0.15
    assert (int(histogram.kept.sum()), int(histogram.suspects.sum()), int(histogram.suspects[-1])) == (1, 2, 1)
