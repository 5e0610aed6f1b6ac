"""The accuracy bench: equal passes for every row, one table, and a stopped bench that goes on."""

import shutil
from argparse import Namespace
from pathlib import Path

import pandas as pd
import pytest

from labelaudit.core.errors import ConfigError, TrainingError
from labelaudit.core.recipe import from_dict
from labelaudit.lab.accuracy import Place, Way, measure, run, to_markdown, ways
from labelaudit.methods.registry import require_method
from tests.cli.terminal import write_photos

# Forward and backward passes of an epoch, all networks together: IEG sees two views of a sample, and thirds of both
# and of as many trusted ones mixed.
PASSES = {"ce": 1, "elr": 1, "elr+": 2, "bootstrap": 1, "ieg": 3, "split": 1, "drpl": 1, "panel": 2}
ROW = {
    "last": 0.7,
    "mean_of_last": 0.6,
    "averaged_epochs": 10,
    "best": 0.75,
    "best_epoch": 3,
    "wrong_fitted": 0.1,
    "right_fitted": 0.9,
    "seconds": 61.4,
    "scan_seconds": 0.0,
    "passes": 6,
    "scan_passes": 0,
}


def read(words: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Return the method and its settings that command line options name."""
    pairs = list(zip(words[::2], words[1::2], strict=True))
    settings = dict(value.split("=", 1) for flag, value in pairs if flag == "-o")
    named = {flag: value for flag, value in pairs if flag != "-o"}
    method = "split" if named.get("--labels") == "split" else named["--method"]
    return method, {name: value for name, value in settings.items() if not name.startswith("train.")}


def passes(words: tuple[str, ...]) -> int:
    """Return the passes with gradients that options of a scan or a training lead to."""
    method, settings = read(words)
    options = from_dict(require_method(method).Options, settings, prefix="method.")
    epochs = options.stage1_epochs + options.stage2_epochs if method == "drpl" else options.epochs
    return PASSES[method] * int(epochs)


@pytest.mark.parametrize("epochs", [6, 30, 48])
def test_every_row_has_as_many_passes_as_it_says_and_as_the_others(epochs):
    for way in ways(epochs):
        assert passes(way.train) == way.passes, way.name
        assert (passes(way.scan) if way.scan else 0) == way.scan_passes, way.name
        assert way.passes + (way.scan_passes if way.name == "drpl" else 0) == epochs, way.name


def test_only_the_row_that_is_to_learn_by_heart_sees_plain_images():
    plain = [way.name for way in ways(6) if "train.flip=false" in way.train]
    assert plain == ["ce dropped, not augmented"]


@pytest.mark.parametrize("epochs", [0, 5, 10])
def test_epochs_that_cannot_be_divided_are_refused(epochs):
    with pytest.raises(ConfigError, match=rf"--epochs {epochs}: expected a multiple of 6"):
        ways(epochs)


def test_a_table_has_mean_and_deviation_over_the_seeds_and_the_epochs_that_were_best():
    rows = [{"method": "b", **ROW}, {"method": "b", **ROW, "last": 0.8, "best_epoch": 9}, {"method": "a", **ROW}]
    lines = to_markdown(pd.DataFrame(rows)).splitlines()
    assert lines[1] == "|---|---|---|---|---|---|---|---|"
    assert lines[2] == "| b | 75.0 ±7.1 | 60.0 ±0.0 (10) | 75.0 ±0.0 (3, 9) | 10.0 ±0.0 | 90.0 ±0.0 | 0 + 6 | 0 + 61 |"
    assert lines[3] == "| a | 70.0 | 60.0 (10) | 75.0 (3) | 10.0 | 90.0 | 0 + 6 | 0 + 61 |"


def asked(folder: Path, *methods: str) -> Namespace:
    return Namespace(
        train=folder / "photos",
        test=folder / "test",
        noise="sym_incl:0.4",
        seeds=1,
        epochs=6,
        method=list(methods),
        option=["train.threads=1"],
        results=folder / "rows.parquet",
        work=folder / "work",
    )


def test_a_row_that_does_not_exist_is_refused_with_the_closest_one(tmp_path):
    with pytest.raises(ConfigError, match=r"--method 'elr\+ ' is no row of this bench.\nDid you mean 'elr\+'\?"):
        run(asked(tmp_path, "elr+ "))


def test_a_command_that_fails_is_named_with_what_it_said(tmp_path):
    place = Place(tmp_path, 0, tmp_path / "photos", tmp_path / "test", ())
    way = Way("elr+", ("--labels", "given"), 6)
    with pytest.raises(
        TrainingError, match=r"(?s)labelaudit train .*noisy\.csv .* ended with 2: error: .*noisy\.csv does not exist"
    ):
        measure(way, place)


@pytest.mark.slow
def test_rows_are_measured_once_and_a_stopped_bench_goes_on(tmp_path, capsys):
    photos = write_photos(tmp_path, n=80)
    for number in range(60, 80):
        label = ("cat", "dog")[number % 2]
        (tmp_path / "test" / label).mkdir(parents=True, exist_ok=True)
        (photos / label / f"{number:03d}.png").rename(tmp_path / "test" / label / f"{number:03d}.png")
    frame = run(asked(tmp_path, "drpl", "ieg"))
    assert frame["method"].tolist() == ["ieg", "drpl"]
    row = frame.iloc[0]
    given = pd.read_csv(next(tmp_path.glob("work/*/noisy.truth.csv")), index_col="sample_id")
    predicted = pd.read_csv(next(tmp_path.glob("work/*/ieg/predictions.csv")), index_col="sample_id")["label"]
    is_wrong = given["given_label"] != given["true_label"]
    assert 0 < is_wrong.sum() < 24  # some of the 40 % draw the label that they have
    assert row["wrong_fitted"] == pytest.approx((predicted == given["given_label"])[is_wrong].mean())
    assert row["right_fitted"] == pytest.approx((predicted == given["given_label"])[~is_wrong].mean())
    assert row["last"] >= 0.8
    assert [(r["passes"], r["scan_passes"]) for _, r in frame.iterrows()] == [(6, 0), (2, 4)]
    shutil.rmtree(photos)  # nothing can be measured again
    again = run(asked(tmp_path, "drpl", "ieg"))
    assert again["last"].tolist() == frame["last"].tolist()
    assert "ieg, seed 0: last " in capsys.readouterr().err
