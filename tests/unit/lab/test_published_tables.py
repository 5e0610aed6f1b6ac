"""Published settings: their names, their noise, and the figures that come with them."""

from __future__ import annotations

import numpy as np
import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.lab.published_tables import TABLES, imagenet_classes, read_table, require_setting, settings
from labelaudit.methods.registry import METHODS
from labelaudit.noise.spec import parse_noise

CLASSES = {
    "cifar10": 10,
    "webvision": 1000,
    "tinyimagenet": 200,
    "webvision50": 50,
    "webvision-mini": 50,
    "clothing1m": 14,
}


def figures(name):
    return [(figure.value, figure.std, figure.measure) for figure in require_setting(name).figures]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("drpl/cifar10/sym-excl-0.4", [(92.92, None, "best")]),
        ("drpl/cifar100/clean", [(72.27, None, "best")]),
        ("drpl/imagenet64/open-set-0.8", [(64.34, None, "best")]),
        ("drpl/webvision50/real", [(82.08, None, "best"), (17.0, None, "noisy")]),
        ("elr/cifar10/sym-incl-0.8", [(73.86, 0.61, "held-out")]),
        ("elr/cifar10/sym-incl-0.8/cosine", [(80.69, 0.57, "held-out")]),
        ("elr+/cifar10/sym-incl-0.8", [(91.1, None, "held-out"), (93.3, None, "best"), (93.3, None, "best")]),
        ("elr+/clothing1m/real", [(74.81, None, "unstated")]),
        ("elr+/cifar10n/worst", [(91.09, 1.6, "unstated")]),
        ("ieg/cifar10/sym-incl-0.4", [(95.9, 0.2, "last")]),
        ("ieg/cifar100/sym-incl-0.8/trusted-5", [(73.6, 1.5, "last")]),
        (
            "elr+/webvision-mini/real",
            [(77.78, None, "unstated"), (91.68, None, "top5"), (70.29, None, "other"), (89.76, None, "other-top5")],
        ),
        ("drpl/imagenet32/sym-excl-0.8", [(61.78, None, "best"), (83.0, None, "tpr"), (5.0, None, "fpr")]),
        ("ce/cifar10/sym-incl-0.8/120-epochs", [(67.8, None, "best"), (25.3, None, "last")]),
        ("static-hard/cifar10/sym-incl-0.8/resnet34", [(54.12, 1.32, "held-out")]),
        ("dy-h/cifar10/sym-incl-0.8", [(71.7, None, "best"), (64.2, None, "last")]),
        ("md-dyr-sh/cifar100/sym-excl-0.8", [(39.5, None, "unstated")]),
    ],
)
def test_figures_come_with_the_epoch_that_they_are_of(name, expected):
    assert figures(name) == expected


def test_every_setting_is_of_a_known_method_and_plants_a_noise_that_is_known():
    assert len(settings()) > 650
    for name, setting in settings().items():
        assert setting.name == name
        assert setting.method in METHODS
        assert setting.figures or setting.variant in (
            "kl",
            "no-term",
            "gmm",
        )  # which the paper describes without a table
        if setting.planted is not None:
            n_classes = CLASSES.get(setting.dataset, 1000 if setting.noise.startswith("open") else 100)
            assert parse_noise(setting.planted, n_classes).rate == setting.rate


def test_settings_whose_noise_people_made_plant_none():
    unplanted = {setting.noise for setting in settings().values() if setting.planted is None}
    assert unplanted == {"aggregate", "random1", "random2", "random3", "worst", "noisy", "semantic"}


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("drpl/cifar10/sym-excl-0.2", True),
        ("drpl/cifar10/asym-0.4", False),
        ("elr+/cifar10/asym-0.4", True),
        ("dividemix/cifar10/sym-incl-0.2", True),
        ("m-dyr-h/cifar10/sym-incl-0.2", False),
        ("ieg/cifar10/asym-0.4", False),
    ],
)
def test_counts_are_exact_where_the_published_code_has_them_so(name, exact):
    assert require_setting(name).is_exact is exact


def test_trusted_samples_are_the_probes_of_the_paper():
    assert require_setting("ieg/cifar10/asym-0.2").trusted_per_class == 10
    assert require_setting("ieg/cifar100/clean/trusted-1").trusted_per_class == 1
    assert require_setting("drpl/cifar10/clean").trusted_per_class == 0


def test_asymmetric_noise_of_a_hundred_classes_is_that_of_the_paper_whose_figure_it_is():
    assert require_setting("drpl/cifar100/asym-super-0.4").planted == "asym_c100_super:0.4"
    assert require_setting("elr/cifar100/asym-block5-0.4").planted == "block5:0.4"


def held_beside(name):
    figure = require_setting(name).comparable
    assert figure is not None
    return figure


def test_what_a_run_is_held_beside_is_of_a_stated_epoch_and_without_reservations_where_there_is_such_a_figure():
    figure = held_beside("ce/cifar10/sym-incl-0.5")
    assert (figure.value, figure.measure, figure.source) == (79.8, "best", "S4 Table 2 (300 ep)")
    assert any(each.note for each in require_setting("m-dyr-h/cifar10/sym-incl-0.2").figures)
    assert not held_beside("m-dyr-h/cifar10/sym-incl-0.2").note
    alone = held_beside("gce/cifar10/sym-excl-0.4")
    assert (alone.source, alone.note) == ("S2 Table IV", "the schedule is not stated")


def test_noise_that_text_and_code_plant_differently_has_a_setting_of_each_with_the_same_figure():
    for name, twin in (
        ("elr/cifar10/asym-0.4", "elr/cifar10/asym-chained-0.4"),
        ("drpl/imagenet32/confusion-0.3", "drpl/imagenet32/confusion-code-0.3"),
        ("drpl/imagenet64/open-confusion-0.5", "drpl/imagenet64/open-confusion-code-0.5"),
    ):
        assert figures(name) == figures(twin)
    assert require_setting("elr/cifar10/asym-chained-0.4").planted == "asym_c10_chained:0.4"
    assert require_setting("drpl/imagenet64/open-confusion-code-0.5").planted == "open_confusion_code:0.5:900"
    assert "drpl/cifar10/asym-chained-0.4" not in settings()  # S2's own code does not chain


def test_an_unknown_name_gets_the_closest_known_one():
    with pytest.raises(ConfigError, match=r"no published setting 'drpl/cifar10/sym-exc-0\.4'") as caught:
        require_setting("drpl/cifar10/sym-exc-0.4")
    assert caught.value.hint == "Did you mean 'drpl/cifar10/sym-excl-0.4'?"
    with pytest.raises(ConfigError, match="--list names them all"):
        require_setting("zzz")


def test_every_row_of_the_tables_says_where_it_is_from_and_none_is_from_memory():
    for table in (*TABLES, "cifarn_noise_measured", "arazo_ssl_errors"):
        rows = list(read_table(table))
        assert rows
        assert all(row["source"] and "memory" not in row["source"] for row in rows)


def test_the_hundred_classes_of_imagenet_are_the_first_of_a_seeded_permutation():
    expected = np.random.RandomState(42).permutation(1000)[:100]  # as the published code
    assert imagenet_classes() == tuple(expected.tolist())
