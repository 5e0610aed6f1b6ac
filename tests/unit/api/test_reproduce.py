"""A published setting from beginning to end, in miniature."""

from __future__ import annotations

import csv
import dataclasses
import json
from typing import Any

import pytest

from labelaudit.api.reproduce import reproduce
from labelaudit.core.errors import ConfigError, DataError, StopAsked
from labelaudit.lab.epoch_accuracy import Accuracies
from labelaudit.lab.published_schedules import published_recipe
from labelaudit.lab.published_tables import require_setting, settings
from labelaudit.lab.reproduction_folder import Detected, Reproduction, add_result
from labelaudit.methods.registry import read_options
from labelaudit.scanning.recipes import Facts, recipe_for
from labelaudit.scanning.request import Request, settle
from tests.published_copies import dump, pixel_rows, write_cifar10

QUICK: dict[str, Any] = {"epochs_scale": 0.01, "device": "cpu"}  # three epochs of cross-entropy


def recipe_of(name):
    setting = require_setting(name)
    base, overrides = published_recipe(setting)
    return recipe_for(
        Facts("images", 50_000, 10, 32),
        settle(Request("data", recipe=base, method=setting.method, overrides=overrides, for_classifier=True)),
    )[0]


def test_every_setting_has_a_published_schedule_that_its_method_takes():
    for name, setting in settings().items():
        recipe = recipe_of(name)
        assert recipe.method == setting.method
        assert read_options(recipe)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("elr/cifar10/sym-incl-0.4", {"epochs": 120, "target_momentum": 0.7, "target_weight": 3.0}),
        ("elr/cifar10/asym-0.4", {"epochs": 120, "target_momentum": 0.9, "target_weight": 1.0}),
        ("elr/cifar10/asym-0.4/cosine", {"epochs": 150, "schedule": "cosine", "target_weight": 1.0}),
        ("elr/cifar100/sym-incl-0.4", {"epochs": 150, "target_weight": 7.0}),
        ("elr+/cifar10n/worst", {"epochs": 200, "target_weight": 3.0}),
        ("dividemix/cifar10/asym-0.4", {"unlabelled_weight": 0.0}),
        ("m-dyr-h/cifar10/sym-incl-0.5", {"epochs": 300, "variant": "m-dyr-h"}),
        ("dy-s/cifar10/sym-incl-0.5", {"epochs": 120, "variant": "dy-s"}),
        ("ce/cifar10/clean", {"epochs": 300, "milestones": (100, 250), "peak_lr": 0.1}),
        ("ce/cifar10/clean/120-epochs", {"epochs": 120, "milestones": (30, 80, 110)}),
        ("gce/cifar10/sym-incl-0.2/resnet34", {"epochs": 120, "milestones": (41, 41, 81, 81), "peak_lr": 0.02}),
        ("forward/cifar100/asym-block5-0.4/resnet34", {"stage1_epochs": 150, "stage2_milestones": (81, 81, 121, 121)}),
        ("sce/cifar100/sym-incl-0.2/resnet34", {"alpha": 6.0, "beta": 0.1}),
        ("drpl/cifar10/clean", {"final_epochs": 300, "final_milestones": (150, 225)}),
        ("ieg/cifar10/sym-incl-0.8", {"epochs": 200, "ends_low": True, "strong_view": "policy"}),
        ("elr+/cifar10/sym-incl-0.4/1-net", {"learners": 1, "mixup_alpha": 0.0, "average_decay": 0.0}),
        ("m-dyr-s/cifar10/sym-incl-0.5", {"half_labels": True}),
        ("mixup/cifar100/clean", {"epochs": 300, "alpha": 32.0}),
    ],
)
def test_the_schedule_is_that_of_the_paper_and_its_noise(name, expected):
    options = read_options(recipe_of(name))
    assert {key: getattr(options, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "network", "size", "framing"),
    [
        ("drpl/webvision50/real", "resnet18", 224, "whole"),
        ("elr+/webvision-mini/real", "inception-resnet-v2", 227, "whole"),
        ("drpl/webvision-mini/real", "inception-resnet-v2", 227, "whole"),
        ("ieg/cifar10/asym-0.4", "wrn-28-10", 32, "centre"),
        ("ieg/cifar10/asym-0.4/resnet29", "resnet29-v2", 32, "centre"),
        ("sce/cifar10/asym-0.4/resnet34", "cifar-resnet34", 32, "centre"),
        ("gce/clothing1m/real", "resnet50", 224, "whole"),
        ("m-dyr-h/webvision50/real", "resnet18", 224, "whole"),
        ("dividemix/webvision-mini/real", "inception-resnet-v2", 227, "whole"),
    ],
)
def test_the_network_and_the_look_at_the_images_are_those_of_the_paper(name, network, size, framing):
    recipe = recipe_of(name)
    assert (recipe.model.backbone, recipe.data.image_size, recipe.train.framing) == (network, size, framing)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cifar10(tmp_path / "cifar")
    return tmp_path / "cifar"


@pytest.mark.slow
def test_a_run_is_told_beside_the_published_figures_and_kept_as_a_row(copy, tmp_path):
    found = reproduce("ce/cifar10/sym-excl-0.4", copy, out=tmp_path / "out", **QUICK)
    assert (found.accuracy.epochs, found.train_samples, found.test_samples, found.wrong) == (3, 20, 3, 0.4)
    ((figure, ours, difference),) = found.differences()
    assert (figure.value, figure.measure, figure.source) == (83.32, "best", "S2 Table IV")
    assert ours == pytest.approx(100 * found.accuracy.best)
    assert difference == pytest.approx(100 * found.accuracy.best - 83.32)
    (row,) = csv.DictReader((tmp_path / "out/results.csv").read_text().splitlines())
    assert (row["name"], row["epochs_scale"], row["wrong_rate"]) == ("ce/cifar10/sym-excl-0.4", "0.01", "0.4000")
    assert (row["published"], row["published_measure"], row["best"]) == ("83.32", "best", f"{ours:.2f}")
    folder = tmp_path / "out/ce_cifar10_sym-excl-0.4-seed0-scale0.01"
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    assert [path.name for path in sorted(folder.iterdir())] == ["epochs.csv", "run.json"]


@pytest.mark.slow
def test_a_method_that_needs_trusted_samples_gets_those_of_the_setting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cifar10(tmp_path / "cifar", per_batch=40)  # 20 of each class, 10 of them trusted
    found = reproduce(
        "ieg/cifar10/sym-incl-0.8", tmp_path / "cifar", epochs_scale=0.005, device="cpu", backbone="small"
    )
    assert found.train_samples == 200
    assert found.wrong is not None
    assert 0.2 < found.wrong < 0.5  # 72 % of the half that is not trusted
    assert found.accuracy.epochs == 1


@pytest.mark.slow
def test_a_run_in_pieces_ends_as_one_in_one_piece(copy, tmp_path):
    whole = reproduce("elr/cifar10/sym-incl-0.8", copy, out=tmp_path / "whole", epochs_scale=0.025, device="cpu")
    pieces = 0
    while True:
        try:
            found = reproduce(
                "elr/cifar10/sym-incl-0.8",
                copy,
                out=tmp_path / "pieces",
                epochs_scale=0.025,
                device="cpu",
                stop_after="0.01s",
                resume=pieces > 0,
            )
            break
        except StopAsked:
            pieces += 1
    assert pieces == 3
    assert found.accuracy == whole.accuracy
    assert found.accuracy.held_out is not None
    curves = [
        (tmp_path / out / "elr_cifar10_sym-incl-0.8-seed0-scale0.025/epochs.csv").read_text()
        for out in ("whole", "pieces")
    ]
    assert curves[0] == curves[1]


@pytest.mark.slow
def test_a_run_does_not_go_on_with_other_data(copy, tmp_path):
    with pytest.raises(StopAsked):
        reproduce("ce/cifar10/clean", copy, stop_after="0.01s", **QUICK)
    dump(copy / "data_batch_1", {"data": pixel_rows(4, seed=77), "labels": [1, 2, 3, 4]})
    with pytest.raises(DataError, match="the data or its noise changed since the run began") as caught:
        reproduce("ce/cifar10/clean", copy, resume=True, **QUICK)
    assert caught.value.hint == "Start anew without --resume."
    assert (tmp_path / ".labelaudit/.gitignore").read_text() == "*\n"


def test_there_must_be_a_run_to_go_on_with(copy):
    with pytest.raises(ConfigError, match=r"no stopped run of ce/cifar10/clean with seed 3 and scale 0\.01 in "):
        reproduce("ce/cifar10/clean", copy, resume=True, seed=3, **QUICK)


def test_the_data_of_another_setting_is_refused(copy):
    with pytest.raises(DataError, match="10 classes, but cifar100 has 100"):
        reproduce("ce/cifar100/clean", copy, **QUICK)


def test_rows_of_an_older_results_file_stay_and_get_the_new_columns(tmp_path):
    old = tmp_path / "results.csv"
    old.write_text("name,seed,epochs_scale,difference\na/b/c,0,1,0.50\n", encoding="utf-8")
    setting = require_setting("ce/cifar10/sym-incl-0.5")
    add_result(finished(setting, old))
    first, second = csv.DictReader(old.read_text().splitlines())
    assert (first["name"], first["difference"], first["schedule"]) == ("a/b/c", "0.50", "")
    assert (second["schedule"], second["changes"], second["published"]) == ("as written", "backbone=small", "79.80")
    assert (second["here"], second["difference"]) == ("best 80.00; last 60.00", "0.20")


def finished(setting, results, **changes):
    accuracy = Accuracies(
        epochs=3, last=0.6, mean_of_last=0.5, best=0.8, best_epoch=1, held_out=None, held_out_epoch=None
    )
    made = Reproduction(
        setting,
        accuracy,
        0,
        1.0,
        0.4,
        20,
        3,
        1.0,
        "paper",
        "cpu",
        results,
        schedule="as written",
        changes="backbone=small",
    )
    return dataclasses.replace(made, **changes)


def test_what_was_kept_of_right_and_wrong_labels_stands_beside_the_detection_table(tmp_path):
    setting = require_setting("drpl/imagenet32/sym-excl-0.8")
    done = finished(setting, tmp_path / "results.csv", detected=Detected(0.81, 0.06, 0.7))
    found = {figure.measure: (ours, round(difference, 6)) for figure, ours, difference in done.differences()}
    assert found["tpr"] == (81.0, -2.0)
    assert found["fpr"] == (6.0, 1.0)
    assert not done.comparable
    assert finished(setting, tmp_path, changes="").comparable
