"""A time becomes a recipe."""

import math
from dataclasses import replace

import numpy as np
import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.methods.registry import read_options
from labelaudit.scanning.pace import fit_budget, shortened, within_budget
from labelaudit.scanning.rates import training_passes
from labelaudit.scanning.recipes import Facts
from labelaudit.scanning.request import Prepared, Request, parse_duration, settle
from tests.recipes import LEARNERS, choose_recipe

N = 10_000


def prepared(side=32, kind="images"):
    recipe, why = choose_recipe(Facts(kind, N, 10, side))
    return Prepared(np.zeros(N), recipe, why, None)  # type: ignore[arg-type]  # only its length is asked for


def machine(small: float):
    """Return a made-up machine: samples/s of the small network at 32 pixels; cost grows with network and area."""

    def rate(_, recipe):
        cost = {"small": 1.0, "medium": 3.0, "preact-resnet18": 28.0, "mlp": 0.05}[recipe.model.backbone]
        side = recipe.data.image_size or 32
        return small / cost / (side / 32) ** 2

    return rate


def fitted(asked, budget, rate_of):
    fit = fit_budget(asked, budget, rate_of=rate_of)
    assert fit is not None
    return fit


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1.5h", 5400), ("45", 45), (" 2 M ", 120), ("max", math.inf)]
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5m", "5 days", "m", "nan"])
def test_what_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match=r"is not a time.\nUse for example 90s, 5m, 1h or max"):
        parse_duration(text)


@pytest.mark.parametrize("minutes", [1, 3, 10, 60, 600])
@pytest.mark.parametrize("side", [32, 128, 224])
def test_the_expected_time_is_within_the_budget_and_makes_use_of_it(minutes, side):
    budget = minutes * 60.0
    fit = fitted(prepared(side), budget, machine(4000))
    assert fit.seconds <= budget * 0.85 or fit.recipe.options["epochs"] == 1
    assert fit.seconds == pytest.approx(training_passes(fit.recipe) * N / fit.rate)
    at_the_top = fit.recipe.options["epochs"] == 60
    an_epoch = 2 * N / fit.rate  # seconds, both networks
    assert at_the_top or fit.seconds > budget * 0.85 - an_epoch - 1 or fit.recipe.options["epochs"] == 1


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("minutes", [2, 10, 60])
def test_every_method_fits_a_budget_and_makes_use_of_it(name, minutes):
    recipe, why = choose_recipe(Facts("images", N, 10, 32), method=name)
    asked = Prepared(np.zeros(N), recipe, why, None)  # type: ignore[arg-type]  # only its length is asked for
    fit = fitted(asked, minutes * 60.0, machine(4000))
    assert fit.seconds <= minutes * 60 * 0.85 * 1.03  # phases are whole epochs
    assert fit.seconds > minutes * 60 * 0.85 * 0.6 or training_passes(fit.recipe) > 100
    assert "epochs of " in fit.why
    read_options(fit.recipe)


def test_a_look_takes_no_notice_of_a_budget():
    recipe, why = choose_recipe(Facts("images", N, 10, 32), method="probe")
    asked = Prepared(np.zeros(N), recipe, why, None)  # type: ignore[arg-type]  # only its length is asked for
    assert fit_budget(asked, 60.0, rate_of=machine(4000)) is None


def test_time_to_spare_buys_a_larger_network():
    backbones = [fitted(prepared(), budget, machine(4000)).recipe.model.backbone for budget in (120, 1500, 36_000)]
    assert backbones == ["small", "medium", "preact-resnet18"]


def test_too_little_time_shrinks_photographs_before_it_gives_up_epochs():
    fit = fitted(prepared(224), 120, machine(4000))
    assert fit.recipe.data.image_size < 224
    assert fit.recipe.train.crop_padding == max(1, fit.recipe.data.image_size // 8)
    assert "too short" not in fit.why


def test_a_time_that_nothing_fits_is_said_to_be_too_short():
    fit = fitted(prepared(), 2, machine(4000))
    assert fit.recipe.options["epochs"] == 1
    assert fit.why.endswith("the time is too short for a good ranking")


def test_max_takes_the_largest_network_and_most_epochs():
    fit = fitted(prepared(), math.inf, machine(10))
    assert (fit.recipe.model.backbone, fit.recipe.options["epochs"]) == ("preact-resnet18", 60)


def test_a_backbone_that_was_asked_for_stays():
    asked = prepared()
    asked = replace(asked, recipe=replace(asked.recipe, model=replace(asked.recipe.model, backbone="medium")))
    assert fitted(asked, math.inf, machine(4000)).recipe.model.backbone == "medium"


def test_probabilities_need_no_budget():
    assert fit_budget(prepared(), 60, rate_of=lambda *_: None) is None


class Clock:
    """A clock of which a command uses up some before anything is fitted."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class Photos:
    """A dataset that is only asked for its kind and length."""

    kind = "images"

    def __len__(self) -> int:
        return N


def fitted_within(budget: str, *, began: float, now: Clock, **overrides: str) -> Prepared:
    request = Request("photos", overrides=overrides, budget=budget)
    recipe, why = choose_recipe(Facts("images", N, 10, 32), overrides=overrides)
    asked = Prepared(Photos(), recipe, why, None, settle(request))  # type: ignore[arg-type]  # no device is needed
    return within_budget(asked, budget, began=began, rate_of=machine(4000), now=now)


def test_what_imports_and_reading_took_is_not_there_for_training():
    at_once = fitted_within("60s", began=0.0, now=Clock(0.0))
    late = fitted_within("60s", began=0.0, now=Clock(30.0))
    assert late.limit is not None
    rate = late.limit.rate
    assert training_passes(late.recipe) * N / rate <= 30.0 * 0.85
    assert training_passes(at_once.recipe) * N / rate > 30.0
    assert (late.limit.text, late.limit.ends_at) == ("60s", 60.0)


@pytest.mark.parametrize("read_s", [5.0, 20.0, 40.0])
def test_what_decoding_took_shortens_the_schedule(read_s):
    clock = Clock(10.0)
    planned = fitted_within("100s", began=0.0, now=clock)
    clock.seconds += read_s
    in_time = shortened(planned, now=clock)
    assert planned.limit is not None
    seconds = training_passes(in_time.recipe) * N / planned.limit.rate
    assert seconds <= (90.0 - read_s) * 0.85
    assert seconds > (90.0 - read_s) * 0.85 - 2 * N / planned.limit.rate - 1  # an epoch of both networks
    assert shortened(in_time, now=clock) == in_time
    assert shortened(planned, now=Clock(10.0)) == planned


def test_epochs_that_were_named_take_their_time():
    asked = fitted_within("60s", began=0.0, now=Clock(0.0), epochs="99")
    assert asked.recipe.options["epochs"] == 99
    assert asked.limit is None
    assert shortened(asked, now=Clock(1e9)) == asked


def test_without_an_end_nothing_is_shortened():
    assert fitted_within("max", began=0.0, now=Clock(0.0)).limit is None
