"""A schedule in a tenth of its epochs is the same schedule."""

import dataclasses
import typing

import pytest

from labelaudit.core.shortened import shortened
from labelaudit.methods.registry import METHODS, require_method

# Whole numbers of the methods that do not belong to the schedule: everything else must be shortened with it.
NO_EPOCHS = {"networks", "learners", "views", "trusted_batch", "folds", "rounds", "components", "neighbours", "trees"}


def test_epochs_milestones_phases_and_steps_are_multiplied_and_nothing_else():
    options = {
        "epochs": 200,
        "warmup_epochs": 30,
        "relabel_from": 70,
        "milestones": (100, 150),
        "ramp_steps": 40_000,
        "window": 10,
        "peak_lr": 0.1,
    }
    assert shortened(options, 0.1) == {
        "epochs": 20,
        "warmup_epochs": 3,
        "relabel_from": 7,
        "milestones": (10, 15),
        "ramp_steps": 4000,
        "window": 10,
        "peak_lr": 0.1,
    }


def test_the_full_scale_changes_nothing():
    options = {"epochs": 5, "warmup_epochs": 5, "milestones": (3,), "ramp_steps": 0}
    assert shortened(options, 1.0) == options


def test_every_phase_keeps_an_epoch_and_the_order_of_their_lengths():
    short = shortened({"epochs": 300, "warmup_epochs": 105, "bootstrap_from": 110, "milestones": (100, 250)}, 0.001)
    assert short == {"warmup_epochs": 1, "bootstrap_from": 2, "epochs": 3, "milestones": (1, 1)}


def test_a_warm_up_of_two_parts_leaves_an_epoch_for_what_follows():
    options = {"epochs": 300, "warmup_epochs": 105, "dynamic_epochs": 5, "temperature_epochs": 89}
    short = shortened(options, 0.005)
    assert short["epochs"] == short["warmup_epochs"] + short["dynamic_epochs"] + 1


def test_what_is_never_stays_never():
    assert shortened({"relabel_from": 0, "ramp_steps": 0, "epochs": 10}, 0.1) == {
        "relabel_from": 0,
        "ramp_steps": 0,
        "epochs": 1,
    }


@pytest.mark.parametrize("name", METHODS)
def test_every_whole_number_of_a_method_is_known_to_count_epochs_or_not_to(name):
    hints = typing.get_type_hints(require_method(name).Options)
    whole = {key for key, kind in hints.items() if kind is int or kind == tuple[int, ...]}
    changed = {key for key, kind in hints.items() if is_shortened(key, kind)}
    assert whole - changed <= NO_EPOCHS
    assert changed <= whole


def is_shortened(name, kind):
    value = (1000,) if kind == tuple[int, ...] else 1000
    return shortened({name: value}, 0.5) != {name: value}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("scale", [0.001, 0.1, 0.5])
def test_every_method_accepts_its_own_defaults_shortened(name, scale):
    options = require_method(name).Options
    assert options(**shortened(dataclasses.asdict(options()), scale))
