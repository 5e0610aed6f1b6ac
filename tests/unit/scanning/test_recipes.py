"""Which recipe a dataset gets, and what wins over it."""

import dataclasses

import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import DataSettings, ModelSettings, recipe_from_dict
from labelaudit.methods.registry import read_options
from labelaudit.scanning.paper import published_schedules
from labelaudit.scanning.recipes import Facts
from labelaudit.scanning.request import Request, settle
from tests.recipes import choose_recipe

PHOTOS = Facts("images", 10_000, 10, 32)


def test_photos_get_the_fast_recipe_and_are_told_so():
    recipe, why = choose_recipe(PHOTOS)
    assert (recipe.name, recipe.model.backbone, recipe.data.image_size) == ("fast", "small", 32)
    assert why.startswith("fast: 2 networks of ")
    assert "10,000 images of 32x32" in why


def test_the_length_that_is_told_is_the_one_that_is_trained():
    for asked in ({"overrides": {"epochs": "2", "networks": "3"}}, {"epochs_scale": 0.5}):
        recipe, why = choose_recipe(PHOTOS, method="panel", **asked)
        options = read_options(recipe)
        assert why.startswith(f"fast: {options.networks} networks of {options.epochs} epochs of a small network"), why
    assert why.endswith("; schedule scaled to 0.5")


def test_grey_images_are_not_mirrored_and_it_says_why():
    recipe, why = choose_recipe(dataclasses.replace(PHOTOS, grey=True))
    assert not recipe.train.flip
    assert "without mirror images because these are grey" in why
    assert choose_recipe(PHOTOS)[0].train.flip


@pytest.mark.parametrize(("side", "expected"), [(32, 32), (128, 128), (640, 224), (5, 8)])
def test_the_image_size_is_the_median_within_bounds(side, expected):
    recipe, _ = choose_recipe(dataclasses.replace(PHOTOS, median_side=side))
    assert recipe.data.image_size == expected


def test_an_asked_image_size_and_backbone_win():
    recipe, _ = choose_recipe(
        PHOTOS, data=DataSettings(image_size=64), model=ModelSettings("resnet18", "default"), seed=3
    )
    assert (recipe.data.image_size, recipe.model.backbone, recipe.seed) == (64, "resnet18", 3)
    assert recipe.train.normalise == "imagenet"  # what the default weights were trained with


def test_small_data_gets_smaller_batches_and_more_epochs():
    small, large = (choose_recipe(dataclasses.replace(PHOTOS, samples=n))[0] for n in (200, 50_000))
    assert small.train.batch_size < large.train.batch_size
    assert read_options(small).epochs > read_options(large).epochs


@pytest.mark.parametrize("kind", ["features", "embeddings"])
def test_vectors_get_a_perceptron(kind):
    recipe, _ = choose_recipe(Facts(kind, 500, 3, None))
    assert (recipe.model.backbone, recipe.train.optimizer, recipe.train.flip) == ("mlp", "adamw", False)


def test_probabilities_train_nothing_and_it_says_so():
    assert choose_recipe(Facts("probs", 500, 3, None))[1] == "the probabilities are given: nothing is trained"


@pytest.mark.parametrize(
    ("side", "classes", "row"),
    [(32, 10, "cifar10"), (32, 100, "cifar100"), (64, 100, "imagenet64"), (500, 50, "webvision")],
)
def test_the_paper_row_follows_from_size_and_classes(side, classes, row):
    recipe, why = choose_recipe(Facts("images", 50_000, classes, side), recipe="paper")
    assert recipe.name == f"paper:{row}"
    assert f"the published schedule of {row}" in why


# spec of S2: q, total, lr milestones; stage 2 epochs and milestones; gamma 1
@pytest.mark.parametrize(
    ("row", "q", "total", "lr", "stage2", "lr2", "gamma"),
    [
        ("cifar10", 70, 130, (75, 110), 175, (100, 150), 0.1),
        ("cifar100", 40, 100, (45, 80), 175, (100, 150), 0.1),
        ("imagenet32", 40, 100, (45, 80), 175, (100, 150), 0.05),
        ("imagenet64", 40, 100, (45, 80), 175, (100, 150), 0.05),
        ("webvision", 40, 100, (45, 80), 150, (100, 125), 0.05),
    ],
)
def test_the_paper_recipe_has_the_published_constants(row, q, total, lr, stage2, lr2, gamma):
    recipe, _ = choose_recipe(PHOTOS, recipe=f"paper:{row}")
    found = read_options(recipe)
    assert (found.relabel_from, found.stage1_epochs, found.stage1_milestones) == (q, total, lr)
    assert (found.stage2_epochs, found.stage2_milestones, found.stage1_threshold) == (stage2, lr2, gamma)
    assert (found.peak_lr, found.prior_weight, found.entropy_weight, found.uniform_reset) == (0.1, 0.8, 0.4, 0.2)
    assert (found.stage2, found.mixture, found.losses, found.evidence) == (
        "pseudo-labels",
        "published",
        "augmented",
        "last",
    )
    train = recipe.train
    assert (train.batch_size, train.momentum, train.nesterov, train.weight_decay) == (128, 0.9, False, 1e-4)
    assert found.record == 0.0


def test_webvision_crops_224_from_256():
    recipe, _ = choose_recipe(PHOTOS, recipe="paper:webvision")
    assert (recipe.data.image_size, recipe.train.crop_margin, recipe.train.crop_padding) == (224, 32, 0)
    assert recipe.model.backbone == "resnet18"


def test_every_recipe_survives_json():
    for name in ("fast", *(f"paper:{row}" for row in published_schedules("drpl"))):
        recipe, _ = choose_recipe(PHOTOS, recipe=name)
        again = recipe_from_dict(recipe.to_dict())
        assert read_options(again) == read_options(recipe)
        assert dataclasses.replace(again, options={}) == dataclasses.replace(recipe, options={})


def test_a_toml_file_builds_on_the_recipe_it_names(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "fast"\n[options]\nepochs = 3\n[train]\nbatch_size = 64\n')
    recipe, why = choose_recipe(PHOTOS, recipe=str(path), overrides={"networks": "3"})
    assert (read_options(recipe).epochs, read_options(recipe).networks, recipe.train.batch_size) == (3, 3, 64)
    assert why.startswith("mine.toml, on top of fast")
    assert why.endswith("; with epochs=3, train.batch_size=64, networks=3")
    assert recipe.name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nbatch_sise = 64\n", r"unknown setting 'train.batch_sise'.\nDid you mean 'batch_size'\?"),
        ("train = [", r"mine.toml is not TOML"),
    ],
)
def test_a_wrong_toml_file_names_the_place(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        choose_recipe(PHOTOS, recipe=str(path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fats", r"recipe 'fats' is not known.\nDid you mean 'fast'\?"),
        ("paper:cifar", r"recipe 'paper' has no row 'cifar'.\nDid you mean 'cifar10"),
        ("nothere.toml", r"recipe file nothere.toml cannot be read: No such file"),
    ],
)
def test_an_unknown_recipe_names_the_closest(name, message):
    with pytest.raises(ConfigError, match=message):
        choose_recipe(PHOTOS, recipe=name)


def test_the_paper_recipe_refuses_tables():
    with pytest.raises(ConfigError, match="recipe 'paper' is for images; this is features"):
        choose_recipe(Facts("features", 100, 2, None), recipe="paper")


def test_an_asked_image_size_also_sets_the_crop_and_the_sentence():
    for asked in ({"data": DataSettings(image_size=32)}, {"overrides": {"data.image_size": "32"}}):
        recipe, why = choose_recipe(dataclasses.replace(PHOTOS, median_side=500), **asked)
        assert (recipe.data.image_size, recipe.train.crop_padding) == (32, 4)
        assert "of 32x32" in why


def test_every_section_of_a_file_is_obeyed_and_flags_that_were_given_win(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'seed = 7\ndevice = "cpu"\n[data]\nlabel_column = "y"\nsplit = "test"\n[policy]\nsuspect_below = 0.3\n'
    )
    recipe, _ = choose_recipe(PHOTOS, recipe=str(path))
    assert (recipe.seed, recipe.device, recipe.data.label_column, recipe.data.split) == (7, "cpu", "y", "test")
    assert recipe.policy.suspect_below == 0.3
    given, _ = choose_recipe(PHOTOS, recipe=str(path), seed=3, data=DataSettings(label_column="z"))
    assert (given.seed, given.data.label_column, given.data.split) == (3, "z", "test")
    overridden, _ = choose_recipe(PHOTOS, recipe=str(path), seed=3, overrides={"seed": "9"})
    assert overridden.seed == 9


def test_key_value_settings_reach_what_is_read_first():
    asked = settle(
        Request("photos", overrides={"data.split": "test", "device": "cpu", "model.weights": "default", "seed": "4"})
    )
    assert (asked.data.split, asked.device, asked.model.weights, asked.seed) == ("test", "cpu", "default", 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [('name = "mine.toml"\n', "expected fast or paper, not another file"), ("caf\xe9 = 1", "mine.toml is not TOML")],
)
def test_a_file_on_a_file_and_a_file_in_another_encoding_are_refused(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=message):
        choose_recipe(PHOTOS, recipe=str(path))


def test_freezing_needs_weights():
    with pytest.raises(ConfigError, match=r"model.frozen = 'yes': expected images, the recipe fast and weights"):
        choose_recipe(PHOTOS, overrides={"model.frozen": "yes"})
