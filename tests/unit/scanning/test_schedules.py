"""Every method trains about as long as the default does, unless it is told otherwise."""

import dataclasses
import json

import pytest

from labelaudit.api.methods import list_methods
from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import recipe_from_dict
from labelaudit.methods.registry import METHODS, read_options, require_method
from labelaudit.scanning.paper import published_schedules
from labelaudit.scanning.rates import training_passes
from labelaudit.scanning.recipes import Facts
from tests.recipes import LEARNERS, choose_recipe

PHOTOS = Facts("images", 10_000, 10, 32)
ROWS = [(name, row) for name in METHODS for row in published_schedules(name)]


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("facts", [PHOTOS, Facts("features", 300, 3, None)])
def test_every_method_has_a_fast_recipe_with_as_many_passes_as_the_default(name, facts):
    recipe, why = choose_recipe(facts, method=name)
    options = read_options(recipe)
    assert (recipe.method, recipe.name) == (name, "fast")
    assert training_passes(recipe) == pytest.approx(training_passes(choose_recipe(facts)[0]), rel=0.1)
    epochs = options.stage1_epochs if hasattr(options, "stage1_epochs") else options.epochs
    assert f"{epochs} epochs" in why
    if facts.kind == "features" and hasattr(options, "peak_lr"):
        assert options.peak_lr == 3e-3


@pytest.mark.parametrize(("facts", "options"), [(PHOTOS, {}), (Facts("features", 300, 3, None), {"trees": 300})])
def test_a_look_trains_no_network_and_says_so(facts, options):
    recipe, why = choose_recipe(facts, method="probe")
    assert recipe.options == options
    assert training_passes(recipe) < 1
    assert why.endswith("no network is trained")
    assert "perceptron" not in why


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_every_published_schedule_can_be_chosen_and_survives_json(name, row):
    recipe, why = choose_recipe(PHOTOS, recipe=f"paper:{row}", method=name)
    read_options(recipe)
    assert (recipe.name, recipe.method) == (f"paper:{row}", name)
    assert f"on {row}" in why or name == "drpl"
    again = recipe_from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert read_options(again) == read_options(recipe)


@pytest.mark.parametrize(("name", "row"), ROWS)
@pytest.mark.parametrize("scale", [0.02, 0.1])
def test_every_published_schedule_can_be_shortened(name, row, scale):
    whole, _ = choose_recipe(PHOTOS, recipe=f"paper:{row}", method=name)
    short, why = choose_recipe(PHOTOS, recipe=f"paper:{row}", method=name, epochs_scale=scale)
    assert why.endswith(f"; schedule scaled to {scale}")
    assert short.epochs_scale == scale
    assert training_passes(short) <= scale * training_passes(whole) + 8
    changed = {k for k, v in short.options.items() if v != getattr(read_options(whole), k)}
    assert changed
    assert {name.rpartition("_")[2] for name in changed} <= {"epochs", "from", "milestones", "steps"}


def test_a_shortened_recipe_includes_settings_of_the_command_line_and_is_not_shortened_again():
    recipe, why = choose_recipe(PHOTOS, epochs_scale=0.1, overrides={"epochs": "50"})
    assert (recipe.options["networks"], recipe.options["epochs"]) == (2, 5)
    assert why.endswith("; with epochs=50; schedule scaled to 0.1")
    stored = recipe_from_dict(recipe.to_dict())
    assert read_options(stored).epochs == 5


def test_a_recipe_file_and_a_setting_name_the_method_and_the_scale(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('method = "drpl"\nepochs_scale = 0.5\n')
    assert choose_recipe(PHOTOS, recipe=str(path))[0].epochs_scale == 0.5
    assert choose_recipe(PHOTOS, overrides={"epochs_scale": "0.25"})[0].epochs_scale == 0.25
    with pytest.raises(ConfigError, match=r"method 'drpll' is not known"):
        choose_recipe(PHOTOS, recipe=str(path), overrides={"method": "drpll"})


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5])
def test_a_scale_that_does_not_shorten_is_refused(scale):
    with pytest.raises(ConfigError, match=rf"epochs_scale = {scale}: expected above 0, at most 1"):
        choose_recipe(PHOTOS, epochs_scale=scale)


def test_the_list_of_methods_has_a_line_and_the_settings_of_each():
    found = {facts.name: facts for facts in list_methods()}
    assert list(found) == list(METHODS)
    for name, facts in found.items():
        assert facts.summary == require_method(name).SUMMARY
        assert facts.options == tuple(field.name for field in dataclasses.fields(require_method(name).Options))
    assert found["drpl"].paper_rows == ("cifar10", "cifar100", "imagenet32", "imagenet64", "webvision")
