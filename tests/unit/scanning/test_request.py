"""What is asked for by name, and what wins over what, whichever command asks."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

import labelaudit
from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import DataSettings, ModelSettings
from labelaudit.scanning.prepare import prepare
from labelaudit.scanning.request import DataOptions, Request, Settings, request_of


@pytest.fixture
def flowers(tmp_path):
    path = tmp_path / "flowers.csv"
    rows = [f"{n / 10},{'rose' if n % 2 else 'tulip'}" for n in range(40)]
    path.write_text("length,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_every_field_of_a_request_can_be_given_by_name():
    data = {each.name for each in fields(DataSettings)}
    own = {each.name for each in fields(Request)} - {"source", "data", "model", "for_classifier", "began"}
    model = {each.name for each in fields(ModelSettings)} - {"frozen"}  # -o model.frozen: rarely of use
    assert set(DataOptions.__annotations__) == data
    assert set(Settings.__annotations__) == data | own | model


def test_settings_by_name_become_a_request():
    asked = request_of("photos", {"image_root": Path("a/b"), "image_size": "32", "weights": Path("w.pth"), "seed": 3})
    assert asked == Request(
        "photos", data=DataSettings(image_root="a/b", image_size=32), model=ModelSettings(weights="w.pth"), seed=3
    )


def test_what_is_left_open_as_none_is_the_default():
    assert request_of("photos", {"overrides": None, "recipe": None, "budget": None}) == Request("photos")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label_colum": "species"}, r"unknown setting 'label_colum'.\nDid you mean 'label_column'\?"),
        ({"budgte": "5m"}, r"unknown setting 'budgte'.\nDid you mean 'budget'\?"),
        ({"zzz": 1}, r"unknown setting 'zzz'.\nKnown settings: split, path_column, "),
        ({"image_size": 4}, r"data.image_size = 4: expected 8 to 1024 pixels"),
        ({"budget": "soon"}, r"'soon' is not a time"),
    ],
)
@pytest.mark.parametrize("call", [labelaudit.scan, labelaudit.inspect, labelaudit.train])
def test_a_mistake_is_found_before_any_data_is_looked_for(call, settings, message):
    with pytest.raises(ConfigError, match=message):
        call("nowhere/at/all", **settings)


def test_a_named_recipe_wins_over_a_budget_and_it_says_so(flowers):
    asked = Request(flowers, recipe="fast", budget="5m", device="cpu")
    without = prepare(replace(asked, budget=None), tune=False)
    with_budget = prepare(asked, tune=False)
    assert with_budget.recipe == without.recipe
    assert with_budget.why == f"{without.why}; the recipe fast wins over the budget 5m"


def test_a_training_says_what_won_as_a_scan_does(flowers, tmp_path):
    said = []
    labelaudit.train(
        flowers,
        out=tmp_path / "model",
        root=tmp_path,
        recipe="fast",
        budget="5m",
        device="cpu",
        overrides={"epochs": "1"},
        on_event=lambda event: said.append(getattr(event, "text", "")),
    )
    assert any(text.endswith("; the recipe fast wins over the budget 5m") for text in said)
