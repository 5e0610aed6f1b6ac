"""The table of verdicts where classes are many, on vectors that are made here."""

from __future__ import annotations

import numpy as np

from labelaudit.lab import many_classes


def test_pairs_of_samples_have_pairs_of_classes_and_a_row_tells_what_is_said(monkeypatch):
    monkeypatch.setattr(many_classes, "SMALL", (200,))
    monkeypatch.setattr(many_classes, "SIZES", ((150, 9),))
    draw = np.random.default_rng(0)
    true = draw.integers(0, 3, 400)
    vectors = (draw.normal(size=(3, 12))[true] * 3 + draw.normal(size=(400, 12))).astype(np.float32)
    given = np.where(draw.random(400) < 0.1, (true + 1) % 3, true)
    made = list(many_classes.sets(vectors, true, given))
    assert [(len(each.true), each.n_classes) for each in made] == [(200, 3)] * 4 + [(150, 9)] * 4
    assert [(each.true != each.given).any() for each in made[:2]] == [False, True]
    assert made[4].vectors.shape == (150, 24)
    assert set(made[4].true.tolist()) == set(range(9))
    told = many_classes.row(made[2])
    assert told.startswith("200 of 3, 15%")
    assert float(told.rpartition("/")[2]) > 0.9
