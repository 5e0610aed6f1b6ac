"""Planted errors, and who finds them."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from labelaudit.api.bench import bench
from labelaudit.bench.rivals import argmax_opinion, cleanlab_opinion
from labelaudit.bench.startup import startup_seconds
from labelaudit.core.errors import ConfigError

SHORT = {"stage1_epochs": "8", "stage2_epochs": "4"}


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    label = np.arange(240) % 3
    values = rng.normal(size=(240, 4)) + np.eye(3)[label][:, [0, 1, 2, 0]] * 5
    frame = pd.DataFrame(values, columns=list("abcd")).assign(label=[f"c{number}" for number in label])
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def test_every_noise_seed_and_method_is_a_row_with_the_actual_rate(table):
    frame = bench(table, noise=["sym:0.2", "none"], rivals=["argmax"], seeds=2, overrides=SHORT)
    assert len(frame) == 2 * 2 * 2
    assert frame.groupby("noise")["wrong"].unique().map(list).to_dict() == {"none": [0.0], "sym:0.2": [0.2]}
    ours = frame[frame["method"] == "labelaudit fast"]
    assert (ours[ours["noise"] == "sym:0.2"]["ap"] > 0.9).all()
    assert ours[ours["noise"] == "none"]["ap"].isna().all()
    assert set(frame["seed"]) == {0, 1}


def test_both_sides_train_on_as_many_samples(table):
    frame = bench(table, rivals=["argmax"], overrides={"stage1_epochs": "10", "stage2_epochs": "10"})
    assert frame["epochs"].tolist() == [20, 20]  # five folds of five epochs on four fifths of the samples


def test_an_unknown_rival_or_noise_names_the_closest(table):
    with pytest.raises(ConfigError, match=r"rival 'cleanlob' is not known.\nDid you mean 'cleanlab'\?"):
        bench(table, rivals=["cleanlob"])
    with pytest.raises(ConfigError, match=r"--noise 'symm:0.2'"):
        bench(table, noise=["symm:0.2"], overrides=SHORT)


def test_argmax_flags_what_it_would_label_otherwise():
    probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    opinion = argmax_opinion(np.array([0, 0, 0]), probs)
    assert opinion.flagged.tolist() == [False, True, True]
    assert opinion.score == pytest.approx([0.1, 0.6, 0.8])
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


def test_start_up_is_measured_in_a_process_of_its_own():
    row = startup_seconds(("--version",), repeats=2)
    assert row["command"] == "labelaudit --version"
    assert 0 < row["median_s"] <= row["most_s"]


def test_the_command_prints_json_with_nothing_that_json_does_not_know(table):
    command = [sys.executable, "-m", "labelaudit", "bench", str(table), "--noise", "none", "--json", "--quiet"]
    options = ["-o", "stage1_epochs=2", "-o", "stage2_epochs=1"]
    ended = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    (row,) = json.loads(ended.stdout)["rows"]
    assert row["ap"] is None  # nothing was planted
    assert row["flagged"] >= 0
