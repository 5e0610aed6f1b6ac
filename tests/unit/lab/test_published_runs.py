"""Published settings in miniature, from their data to their row: few that have every kind between them.

`python -m tests.run_published` runs them all.
"""

from __future__ import annotations

import csv
from typing import Any

import pytest

from labelaudit.api.reproduce import reproduce, reproduce_table
from labelaudit.core.errors import ConfigError
from labelaudit.core.events import Said
from labelaudit.lab.published_tables import require_setting, settings
from labelaudit.lab.reproduction import Changes
from tests.published_copies import write_copies
from tests.run_published import kinds_of, one_of_a_kind, run_small

CHOSEN = one_of_a_kind(settings().values())


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    write_copies(folder)
    return folder


def test_few_settings_have_every_kind_between_them():
    every = {kind for setting in settings().values() for kind in kinds_of(setting)}
    assert {kind for setting in CHOSEN for kind in kinds_of(setting)} == every
    assert len(CHOSEN) < 60


@pytest.mark.slow
@pytest.mark.parametrize("setting", CHOSEN, ids=lambda setting: setting.name)
def test_a_setting_of_each_kind_runs_to_its_row(setting, copies, tmp_path, monkeypatch):
    monkeypatch.chdir(copies)  # they share a cache of pixels
    done = run_small(setting, copies, tmp_path)
    assert done.accuracy.epochs >= 1
    assert 0 <= done.accuracy.last <= 1
    measured = {figure.measure for figure, ours, _ in done.differences() if ours is not None}
    asked = {figure.measure for figure in setting.figures}
    unknown = {"fpr", "tpr"} if setting.noise == "real" else set()
    assert measured == asked - unknown
    (row,) = csv.DictReader((tmp_path / "results.csv").read_text().splitlines())
    assert (row["name"], row["schedule"], row["changes"] != "") == (setting.name, done.schedule, True)
    if setting.comparable is not None:
        assert row["published"] == f"{setting.comparable.value:.2f}"


def test_a_paper_that_started_from_weights_is_never_run_from_scratch_in_silence(copies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setting = require_setting("elr+/clothing1m/real")
    with pytest.raises(ConfigError, match="the paper started from ImageNet's weights") as caught:
        reproduce(setting.name, copies / "clothing1m", out=tmp_path, device="cpu")
    assert "--weights default" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        ("elr+/clothing1m/real", "default", "backbone=small"),
        ("elr+/clothing1m/real", "none", "weights=none, backbone=small"),
        ("elr+/cifar10/sym-incl-0.5", "default", "weights=default, backbone=small"),
        ("elr+/cifar10/sym-incl-0.5", "none", "backbone=small"),
        ("elr+/cifar10/sym-incl-0.5", None, "backbone=small"),
    ],
)
def test_weights_count_as_a_change_where_the_paper_did_otherwise(name, weights, said):
    assert Changes(weights, "small").described(require_setting(name)) == said


@pytest.mark.slow
def test_a_table_runs_what_the_data_is_for_once_and_tells_what_it_passes_over(copies, tmp_path, monkeypatch):
    monkeypatch.chdir(copies)
    told: list[Any] = []
    call: dict[str, Any] = {
        "out": tmp_path,
        "epochs_scale": 0.005,
        "device": "cpu",
        "backbone": "small",
        "on_event": told.append,
    }
    (done,) = reproduce_table("drpl/4", copies / "cifar10-0", part="mixup/cifar10/sym-excl-0.4", **call)
    assert done.setting.name == "mixup/cifar10/sym-excl-0.4"
    assert reproduce_table("drpl/4", copies / "cifar10-0", part="mixup/cifar10/sym-excl-0.4", **call) == []
    told.clear()
    assert reproduce_table("drpl/4", copies / "cifar10-0", part="mixup/cifar100/clean", **call) == []
    warnings = [event.text for event in told if isinstance(event, Said) and event.level == "warning"]
    assert len(warnings) == 1
    assert warnings[0].startswith("mixup/cifar100/clean was not run: ")
    assert "10 classes, but cifar100 has 100" in warnings[0]
