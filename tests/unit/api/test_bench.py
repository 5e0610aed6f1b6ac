"""Planted errors, and who finds them."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from labelaudit.api.bench import bench
from labelaudit.core.errors import ConfigError
from labelaudit.core.events import Event, Said
from labelaudit.lab.startup import startup_seconds

SHORT = {"networks": "2", "epochs": "8"}


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    label = np.arange(240) % 3
    values = rng.normal(size=(240, 4)) + np.eye(3)[label][:, [0, 1, 2, 0]] * 5
    frame = pd.DataFrame(values, columns=list("abcd")).assign(label=[f"c{number}" for number in label])
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def test_every_noise_seed_and_method_is_a_row_with_the_actual_rate(table):
    frame = bench(table, noise=["sym:0.2", "none"], rivals=["argmax"], seeds=2, overrides=SHORT)
    assert len(frame) == 2 * 2 * 2
    assert frame.groupby("setting")["wrong"].unique().map(list).to_dict() == {"none": [0.0], "sym:0.2": [0.2]}
    ours = frame[frame["method"] == "labelaudit fast"]
    assert (ours[ours["setting"] == "sym:0.2"]["ap"] > 0.9).all()
    assert ours[ours["setting"] == "none"]["ap"].isna().all()
    assert (frame["flagged"] == frame["fpr"])[frame["setting"] == "none"].all()
    assert set(frame["seed"]) == {0, 1}


def test_another_method_is_named_in_its_row_and_is_another_row(table):
    for method, name in (("two-stage", "labelaudit fast"), ("ce", "labelaudit fast ce")):
        frame = bench(table, overrides={"method": method, "epochs": "2"})
        assert frame["method"].tolist() == [name]
    assert pd.read_parquet(".labelaudit/bench.parquet")["method"].tolist() == ["labelaudit fast", "labelaudit fast ce"]


def test_both_sides_train_on_as_many_samples(table):
    frame = bench(table, rivals=["argmax", "elr"], overrides={"networks": "2", "epochs": "10"})
    # five folds of five epochs on four fifths of the samples; one training of twenty epochs
    assert frame["images"].tolist() == [20 * 240] * 3


def test_rows_that_are_known_are_not_run_again(table):
    said: list[Event] = []
    first = bench(table, rivals=["argmax"], overrides=SHORT)
    again = bench(table, rivals=["argmax", "elr"], overrides=SHORT, on_event=said.append)
    assert again["method"].tolist() == ["labelaudit fast", "argmax", "elr"]
    assert again["seconds"].tolist()[:2] == first["seconds"].tolist()
    assert any("2 of 3 rows were in" in event.text for event in said if isinstance(event, Said))
    assert len(pd.read_parquet(".labelaudit/bench.parquet")) == 3
    fresh = bench(table, rivals=["argmax"], overrides=SHORT, fresh=True)
    assert fresh["seconds"].tolist() != first["seconds"].tolist()
    assert fresh["ap"].tolist() == first["ap"].tolist()
    other = bench(table, rivals=[], overrides=SHORT | {"peak_lr": "0.01"})
    assert len(pd.read_parquet(".labelaudit/bench.parquet")) == 4
    assert other["revision"][0] != first["revision"][0]


def test_a_bench_that_is_stopped_keeps_its_rows_and_says_how_to_go_on(table):
    def stop(event):
        if isinstance(event, Said) and "seed 1:" in event.text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"1 new row in .*bench\.parquet; the same command goes on from there"):
        bench(table, seeds=2, overrides=SHORT, on_event=stop)
    assert pd.read_parquet(".labelaudit/bench.parquet")["seed"].tolist() == [0]
    assert bench(table, seeds=2, overrides=SHORT)["seed"].tolist() == [0, 1]


def test_a_long_tail_and_an_open_set_change_the_samples(table):
    frame = bench(table, noise=["sym:0.1", "open_set:0.25:1"], tail=4, overrides=SHORT)
    assert frame["setting"].tolist() == ["sym:0.1, tail 4", "open_set:0.25:1, tail 4"]
    assert frame["samples"].tolist() == [80 + 40 + 20, 80 + 20]
    assert frame["classes"].tolist() == [3, 2]
    assert frame["wrong"].tolist() == [0.1, 0.25]
    assert frame["relabel_accuracy"].isna().tolist() == [False, True]


def test_small_data_are_drawn_anew_for_every_seed(table):
    frame = bench(table, noise=["none"], samples=60, seeds=2, overrides=SHORT)
    assert frame["setting"].tolist() == ["none, 60 samples"] * 2
    assert frame["samples"].tolist() == [60, 60]
    assert frame["covered"].isin([0.0, 1.0]).all()
    assert (frame["overclaims"] <= 1 - frame["covered"]).all()


def test_labels_of_a_file_are_judged_in_place_of_planted_ones(table, tmp_path):
    true = np.arange(240) % 3
    noisy = np.where(np.arange(240) % 10 == 0, (true + 1) % 3, true)
    np.savez(tmp_path / "people.npz", first=noisy, second=true)
    frame = bench(table, noise=[], labels_files=[f"{tmp_path}/people.npz:first"], overrides=SHORT)
    assert frame["setting"].tolist() == ["people.npz:first"]
    assert frame["wrong"].tolist() == [0.1]
    assert frame["ap"][0] > 0.9


def test_noise_by_a_small_classifier_needs_no_more_than_its_share(table):
    said: list[Event] = []
    frame = bench(table, noise=["ambiguous:0.1", "semantic:0.1"], overrides=SHORT, on_event=said.append)
    assert frame["wrong"][0] == 0.1
    assert 0 <= frame["wrong"][1] < 0.5
    texts = [event.text for event in said if isinstance(event, Said)]
    assert "ambiguous: a small classifier learns from 12 true labels" in texts
    assert "semantic: a small classifier learns from 24 true labels" in texts


def test_an_unknown_rival_or_noise_names_the_closest(table):
    with pytest.raises(ConfigError, match=r"rival 'cleanlob' is not known.\nDid you mean 'cleanlab'\?"):
        bench(table, rivals=["cleanlob"])
    with pytest.raises(ConfigError, match=r"--noise 'symm:0.2'"):
        bench(table, noise=["symm:0.2"], overrides=SHORT)


def test_start_up_is_measured_in_a_process_of_its_own():
    row = startup_seconds(("--version",), repeats=2)
    assert row["command"] == "labelaudit --version"
    assert 0 < row["median_s"] <= row["most_s"]


def test_the_command_prints_json_with_nothing_that_json_does_not_know(table):
    command = [sys.executable, "-m", "labelaudit", "bench", str(table), "--noise", "none", "--json", "--quiet"]
    options = ["-o", "networks=2", "-o", "epochs=1"]
    ended = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    assert found["schema"] == 2
    (row,), (mean,) = found["rows"], found["summary"]
    assert row["ap"] is None  # nothing was planted
    assert row["flagged"] == mean["flagged_mean"] >= 0
    assert mean["flagged_sd"] is None
