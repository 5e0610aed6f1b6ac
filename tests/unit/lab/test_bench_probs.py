"""`labelaudit bench probs`: probabilities of five folds, ours beside cleanlab's filter."""

import pytest

from labelaudit.lab.bench_probs import CLASSIFIERS, bench_probs
from labelaudit.lab.small_tables import SMALL_DATA, load_small

pytest.importorskip("cleanlab")


@pytest.mark.slow
def test_every_classifier_has_a_row_with_both_sides():
    found = bench_probs(data=["wine"], noises=["none", "sym:0.2"])
    rows = {(row["noise"], row["classifier"]): row for row in found["rows"]}
    assert list(rows) == [(noise, name) for noise in ("none", "sym:0.2") for name in CLASSIFIERS]
    assert found["counted"].endswith("of 6 rows. Probabilities: 5 folds.")
    clean, noisy = rows["none", "forest"], rows["sym:0.2", "forest"]
    assert (clean["wrong"], clean["f1"], clean["cleanlab_f1"]) == (0.0, None, None)
    assert clean["flagged"] < 0.03
    assert noisy["wrong"] == pytest.approx(0.2, abs=0.01)
    assert noisy["noise_rate"] == pytest.approx(0.2, abs=0.08)
    assert min(noisy["f1"], noisy["cleanlab_f1"]) > 0.6
    assert noisy["ece"] < 0.15


@pytest.mark.parametrize("name", SMALL_DATA)
def test_small_tables_have_every_class(name):
    data = load_small(name)
    assert data.values.shape[0] == len(data.true)
    assert set(data.true.tolist()) == set(range(data.n_classes))
