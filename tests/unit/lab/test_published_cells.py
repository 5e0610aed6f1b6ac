"""Every cell of the published tables is covered, or says why not."""

from __future__ import annotations

import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.lab.published_cells import (
    cells,
    column_of,
    hours,
    line_of,
    needs,
    require_table,
    shown_values,
    table_name,
    tables,
)
from labelaudit.lab.published_tables import require_setting, settings


def test_eight_hundred_of_the_965_cells_can_be_run_and_the_others_say_why_not():
    assert len(cells()) == 965
    runnable = [cell for cell in cells() if cell.settings]
    assert len(runnable) >= 800
    assert all(set(cell.settings) <= set(settings()) for cell in runnable)
    assert all(cell.reason.endswith((" here", " at hand")) for cell in cells() if not cell.settings)
    assert sum(each.cells for each in tables().values()) == 965


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("S2 Table IV = DRPL README", "drpl/4"),
        ("DRPL README (row lost in S2; last two match)", "drpl/4"),
        ("S0 Table 1 (ResNet34)", "elr/1"),
        ("S4 sec 4.6 text", "bmm/text"),
        ("S3 PapersWithCode; std from ProMix repo table", "cifarn/1"),
        ("S1 Table A1 (RoG data; ratio not given)", "ieg/A1"),
        ("ProMix repo result table (IJCAI 2023)", None),
    ],
)
def test_a_source_names_its_table(source, name):
    assert table_name(source) == name


def test_an_unknown_table_gets_the_closest_known_one():
    with pytest.raises(ConfigError, match=r"no published table 'drpl/44'") as caught:
        require_table("drpl/44")
    assert caught.value.hint == "Did you mean 'drpl/4'?"


def test_a_setting_says_what_it_needs():
    assert needs(require_setting("drpl/cifar10/clean")) == ("CIFAR-10",)
    assert needs(require_setting("ieg/cifar10/open-both")) == ("CIFAR-10", "both of these")
    assert needs(require_setting("ieg/cifar100/semantic/trusted-10")) == ("CIFAR-100", "labels of a weak classifier")
    assert needs(require_setting("ieg/webvision-mini/real")) == (
        "WebVision, google, 50 classes",
        "some of ImageNet's training images",
        "ImageNet's validation images",
    )


def test_hours_follow_from_passes_and_arithmetic():
    # 300 epochs and one look at 50,000 images, 1.11e9 operations forward, three times that a step, 5e13 a second
    expected = 301 * 50_000 * 3 * 1.11e9 / 5e13 / 3600
    assert hours(require_setting("ce/cifar10/clean")) == pytest.approx(expected)
    assert hours(require_setting("drpl/cifar10/clean")) > 2 * expected  # three trainings


def test_a_cell_shows_what_was_found_here_and_whether_it_can_be_compared():
    mine = [cell for cell in cells() if cell.table == "drpl/4" and cell.row["noise_rate"] == "0.4"]
    whole = {"name": "drpl/cifar10/sym-excl-0.4", "epochs_scale": "1", "changes": "", "here": "best 93.10; last 92.00"}
    short = {"name": "mixup/cifar10/sym-excl-0.4", "epochs_scale": "0.02", "changes": "", "here": "best 11.20"}
    later = {**whole, "epochs_scale": "0.02", "here": "best 10.00"}
    shown = shown_values(mine, [whole, short, later])
    line = "CIFAR-10 | {} | test_acc_best"
    assert shown[line.format("DRPL"), "U 0.4"] == "92.92 | 93.10"
    assert shown[line.format("M"), "U 0.4"] == "85.84 | ~11.20"
    assert shown[line.format("R"), "U 0.4"] == "89.97"
    assert shown[line.format("DMI"), "U 0.4"].endswith(" -")


def test_a_share_of_labels_is_shown_as_the_table_has_it():
    mine = [cell for cell in cells() if cell.table == "drpl/1" and cell.row["method"] == "DRPL"]
    row = {"name": "drpl/imagenet32/sym-excl-0.8", "epochs_scale": "1", "changes": "", "here": "tpr 81.00; fpr 6.00"}
    shown = shown_values(mine, [row])
    assert shown["ImageNet32 | DRPL | detection_TPR", "U-ID 0.8"] == "0.83 | 0.81"
    assert shown["ImageNet32 | DRPL | detection_FPR", "U-ID 0.8"] == "0.05 | 0.06"


def test_lines_and_columns_are_those_of_the_table():
    cell = next(cell for cell in cells() if cell.table == "elr/3")
    assert (line_of(cell), column_of(cell)) == ("Clothing1M | CE", "real")
