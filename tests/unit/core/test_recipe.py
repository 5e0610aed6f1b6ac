"""Settings: from plain values and back, precedence, and the text of every mistake."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import (
    DataSettings,
    ModelSettings,
    PolicySettings,
    Recipe,
    TrainSettings,
    from_dict,
    recipe_from_dict,
    with_overrides,
)


@dataclass(frozen=True, slots=True)
class Inner:
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Kinds:
    """One field of every kind that settings may have."""

    count: int = 1
    rate: float = 0.5
    flip: bool = False
    title: str = "a"
    mode: Literal["slow", "fast"] = "slow"
    limit: int | None = 3
    steps: tuple[int, ...] = ()
    inner: Inner = field(default_factory=Inner)


def read(**values: Any) -> Kinds:
    return from_dict(Kinds, values, prefix="method.")


def mistake(make: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make()
    return caught.value


UNUSUAL = Recipe(
    name="mine",
    seed=7,
    device="cpu",
    data=DataSettings(split="all", path_column="file", image_size=48, fold_labels=True),
    model=ModelSettings("resnet18", "w.pth"),
    train=TrainSettings(batch_size=32, optimizer="adamw", momentum=0.5, flip=False, precision="bf16"),
    options={"stage1_milestones": (3, 5), "peak_lr": 0.2},
    policy=PolicySettings(0.3, 0.7),
)


@pytest.mark.parametrize("recipe", [Recipe(), UNUSUAL])
def test_a_recipe_comes_back_from_its_plain_values(recipe):
    assert recipe_from_dict(recipe.to_dict()) == recipe


def test_a_recipe_survives_json_but_for_the_tuples_of_untyped_options():
    back = recipe_from_dict(json.loads(json.dumps(UNUSUAL.to_dict())))
    assert back.options == {"stage1_milestones": [3, 5], "peak_lr": 0.2}
    assert back.to_dict() | {"options": None} == UNUSUAL.to_dict() | {"options": None}


def test_plain_values_are_a_copy_that_cannot_change_the_recipe():
    recipe = Recipe(options={"a": 1})
    recipe.to_dict()["options"]["a"] = 2
    recipe.to_dict()["train"]["batch_size"] = 2
    assert (recipe.options["a"], recipe.train.batch_size) == (1, 128)


def test_an_unknown_setting_is_named_with_its_section_and_the_closest_known_one():
    error = mistake(lambda: recipe_from_dict({"train": {"batch_sise": 64}}))
    assert error.problem == "unknown setting 'train.batch_sise'."
    assert error.hint == "Did you mean 'batch_size'?"


def test_an_unknown_setting_like_no_other_lists_the_known_ones_with_their_section():
    error = mistake(lambda: recipe_from_dict({"policy": {"zzz": 1}}))
    assert error.problem == "unknown setting 'policy.zzz'."
    expected = "policy.suspect_below, policy.suggest_above, policy.calibration, policy.mixture"
    assert error.hint == f"Known settings: {expected}."


@pytest.mark.parametrize(
    ("name", "value", "converted"),
    [
        ("count", "12", 12),
        ("count", 12.0, 12),
        ("count", 2**53 + 1, 2**53 + 1),  # larger than what a float can hold exactly
        ("count", str(2**53 + 1), 2**53 + 1),
        ("rate", "1e-3", 0.001),
        ("rate", 2, 2.0),
        ("flip", "true", True),
        ("flip", "Yes", True),
        ("flip", "1", True),
        ("flip", "off", False),
        ("flip", False, False),
        ("title", "none", "none"),
        ("mode", "fast", "fast"),
        ("limit", "none", None),
        ("limit", None, None),
        ("limit", "8", 8),
        ("steps", "1,2", (1, 2)),
        ("steps", "5", (5,)),
        ("steps", "", ()),
        ("steps", [1, "2"], (1, 2)),
        ("inner", {"depth": "4"}, Inner(4)),
    ],
)
def test_values_are_converted_to_the_type_of_their_field(name, value, converted):
    result = getattr(read(**{name: value}), name)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("count", "many", "a whole number"),
        ("count", "1.5", "a whole number"),
        ("count", 1.5, "a whole number"),
        ("count", True, "a whole number"),
        ("count", None, "a whole number"),
        ("count", float("inf"), "a whole number"),
        ("count", float("nan"), "a whole number"),
        ("rate", "high", "a number"),
        ("rate", False, "a number"),
        ("rate", [1.0], "a number"),
        ("flip", "perhaps", "true or false"),
        ("flip", 2, "true or false"),
        ("title", 3, "text"),
        ("mode", "medium", "one of slow, fast"),
        ("limit", "few", "a whole number"),
        ("steps", 5, "values with commas between them"),
        ("steps", None, "values with commas between them"),
        ("inner", 5, "a table of settings"),
    ],
)
def test_a_wrong_type_is_told_with_place_value_and_what_was_expected(name, value, expected):
    assert mistake(lambda: read(**{name: value})).problem == f"method.{name} = {value!r}: expected {expected}."


def test_a_wrong_part_of_a_tuple_is_told_by_itself():
    error = mistake(lambda: read(steps="1,b,3"))
    assert error.problem == "method.steps = 'b': expected a whole number."


@pytest.mark.parametrize("value", [5, "fast", [1]])
def test_options_that_are_no_table_are_refused(value):
    error = mistake(lambda: recipe_from_dict({"options": value}))
    assert error.problem == f"options = {value!r}: expected a table of settings."


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"seed": -1}, "seed = -1: expected 0 or more."),
        ({"data": {"image_size": 7}}, "data.image_size = 7: expected 8 to 1024 pixels."),
        ({"data": {"image_size": "1025"}}, "data.image_size = 1025: expected 8 to 1024 pixels."),
        ({"data": {"embeddings": "e", "probs": "p"}}, "data.probs = 'p': expected either embeddings or probs"),
        ({"model": {"backbone": ""}}, "model.backbone = '': expected a name."),
        ({"model": {"weights": ""}}, "model.weights = '': expected none, default or a file."),
        ({"train": {"batch_size": 1}}, "train.batch_size = 1: expected 2 to 65536."),
        ({"train": {"weight_decay": -0.1}}, "train.weight_decay = -0.1: expected 0 to 1."),
        ({"train": {"weight_decay": float("nan")}}, "train.weight_decay = nan: expected 0 to 1."),
        ({"train": {"momentum": 1.0}}, "train.momentum = 1.0: expected 0 to 1, below 1."),
        ({"train": {"crop_padding": 129}}, "train.crop_padding = 129: expected 0 to 128 pixels."),
        ({"train": {"crop_margin": -1}}, "train.crop_margin = -1: expected 0 to 256 pixels."),
        ({"policy": {"suspect_below": 0}}, "policy.suspect_below = 0.0: expected between 0 and 1."),
        ({"policy": {"suggest_above": 1}}, "policy.suggest_above = 1.0: expected between 0 and 1."),
    ],
)
def test_values_out_of_range_are_refused_with_the_range(values, problem):
    assert mistake(lambda: recipe_from_dict(values)).problem.startswith(problem)


def test_the_ends_of_the_ranges_are_allowed():
    settings = TrainSettings(batch_size=2, weight_decay=1.0, momentum=0.0, crop_padding=128, crop_margin=256)
    assert (settings.batch_size, DataSettings(image_size=8).image_size, DataSettings(image_size=1024).image_size) == (
        2,
        8,
        1024,
    )


def test_overrides_win_over_the_recipe_and_leave_the_rest():
    changed = with_overrides(
        UNUSUAL, {"seed": "3", "device": "mps", "train.batch_size": "64", "data.image_size": "none", "method": "other"}
    )
    assert (changed.seed, changed.device, changed.method) == (3, "mps", "other")
    assert (changed.train.batch_size, changed.train.momentum) == (64, 0.5)
    assert (changed.data.image_size, changed.data.path_column) == (None, "file")
    assert changed.options == UNUSUAL.options
    assert UNUSUAL.train.batch_size == 32


def test_a_key_without_a_section_is_an_option_of_the_method_with_or_without_its_prefix():
    changed = with_overrides(UNUSUAL, {"peak_lr": "0.4", "method.stage1_epochs": "9", "options.stage2": "soft-targets"})
    assert changed.options == {
        "stage1_milestones": (3, 5),
        "peak_lr": "0.4",
        "stage1_epochs": "9",
        "stage2": "soft-targets",
    }


def test_an_override_of_an_unknown_setting_or_out_of_range_is_an_error():
    with pytest.raises(ConfigError, match=re.escape("unknown setting 'train.batch'.")):
        with_overrides(Recipe(), {"train.batch": "64"})
    with pytest.raises(ConfigError, match=r"train\.momentum = 2\.0: expected 0 to 1, below 1\."):
        with_overrides(Recipe(), {"train.momentum": "2"})
