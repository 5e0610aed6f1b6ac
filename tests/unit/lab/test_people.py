"""The table of verdicts on people's labels, on probabilities that are made here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labelaudit.functional.metrics import f1
from labelaudit.lab.people import best_f1, described, has_truth, measured


def test_f1_by_hand():
    flagged, wrong = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert f1(flagged, wrong) == pytest.approx(0.5)
    assert best_f1(np.array([0.9, 0.2, 0.8, 0.1]), wrong) == pytest.approx(1.0)


def test_a_stored_dataset_is_judged_beside_its_truth(tmp_path):
    pytest.importorskip("cleanlab")
    draw = np.random.default_rng(0)
    true = draw.integers(0, 4, 1500)
    given = np.where(draw.random(1500) < 0.2, (true + 1) % 4, true)
    logits = draw.normal(0, 1.0, (1500, 4))
    logits[np.arange(1500), true] += 3.0
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.save(tmp_path / "made.npy", probs)
    names = np.array(["a", "b", "c", "d"])
    pd.DataFrame({"given": names[given], "true": names[true]}).to_csv(tmp_path / "made.csv", index=False)
    assert has_truth(tmp_path / "made.npy")
    row = measured(tmp_path / "made.npy")
    assert row.wrong == pytest.approx((given != true).mean())
    assert row.verdicts.noise.low <= row.wrong <= row.verdicts.noise.high
    assert row.f1["ours"] > 0.9 * row.f1["best"]
    assert described(row).startswith("made ")


def test_an_array_without_truth_is_left_out(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 2)) / 2)
    assert not has_truth(tmp_path / "x.npy")
    pd.DataFrame({"given": ["a", "b"]}).to_csv(tmp_path / "x.csv", index=False)
    assert not has_truth(tmp_path / "x.npy")
