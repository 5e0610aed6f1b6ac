"""Rates measured once; the machines here are made up."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from labelaudit.scanning import rates
from labelaudit.scanning.rates import load_now, remembered
from labelaudit.scanning.recipes import Facts
from labelaudit.scanning.request import Prepared
from tests.recipes import choose_recipe


class Images:
    kind = "images"
    n_classes = 10

    def __len__(self):
        return 50_000


def prepared():
    recipe, why = choose_recipe(Facts("images", 50_000, 10, 32))
    return Prepared(Images(), recipe, why, torch.device("cpu"))  # type: ignore[arg-type]


def counting(measured):
    def rate(_, recipe):
        measured.append(recipe.train.precision)
        return 1000.0 * len(measured)

    return rate


def test_a_rate_is_measured_once_for_all_scans(tmp_path):
    measured: list[object] = []
    for _ in range(2):
        rate = remembered(counting(measured), tmp_path / "cache" / "rates.json")
        assert rate(prepared(), prepared().recipe) == 1000.0
    assert len(measured) == 1


def test_other_settings_are_measured_of_their_own(tmp_path, monkeypatch):
    measured: list[object] = []
    rate, recipe = remembered(counting(measured), tmp_path / "rates.json"), prepared().recipe
    others = [
        recipe,
        replace(recipe, train=replace(recipe.train, precision="fp32")),
        replace(recipe, train=replace(recipe.train, compile="yes")),
        replace(recipe, model=replace(recipe.model, backbone="medium")),
        replace(recipe, data=replace(recipe.data, image_size=64)),
    ]
    assert [rate(prepared(), other) for other in others] == [1000.0, 2000.0, 3000.0, 4000.0, 5000.0]
    monkeypatch.setattr(rates, "describe_device", lambda _: "another machine")
    assert rate(prepared(), recipe) == 6000.0


def test_what_failed_is_not_tried_again(tmp_path):
    def fails(*_):
        raise RuntimeError("no compiler")

    measured: list[object] = []
    with pytest.raises(RuntimeError, match="no compiler"):
        remembered(fails, tmp_path / "rates.json")(prepared(), prepared().recipe)
    assert remembered(counting(measured), tmp_path / "rates.json")(prepared(), prepared().recipe) == 0.0
    assert measured == []


def test_nothing_is_noted_where_nothing_is_trained(tmp_path):
    assert remembered(lambda *_: None, tmp_path / "rates.json")(prepared(), prepared().recipe) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[1]", '{"a": null}', "\x00", '{"a": "b"}'])
def test_a_damaged_file_is_measured_over(tmp_path, content):
    (tmp_path / "rates.json").write_text(content)
    measured: list[object] = []
    for _ in range(2):
        assert remembered(counting(measured), tmp_path / "rates.json")(prepared(), prepared().recipe) == 1000.0
    assert len(measured) == 1


def test_a_folder_that_cannot_be_written_only_means_to_measure_again(tmp_path):
    (tmp_path / "file").write_text("in the way")
    measured: list[object] = []
    for _ in range(2):
        remembered(counting(measured), tmp_path / "file" / "rates.json")(prepared(), prepared().recipe)
    assert len(measured) == 2


def test_the_load_is_that_of_others_now_and_not_of_the_last_minute(tmp_path, monkeypatch):
    (tmp_path / "loadavg").write_text("5.29 4.36 3.08 4/101 22752\n")
    monkeypatch.setattr(rates, "_LOAD_FILE", tmp_path / "loadavg")
    assert load_now() == 3.0
    monkeypatch.setattr(rates, "_LOAD_FILE", tmp_path / "none")
    monkeypatch.setattr("os.getloadavg", lambda: (1.5, 0.0, 0.0))
    assert load_now() == 1.5
