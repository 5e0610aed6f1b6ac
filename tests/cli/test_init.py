"""init: a settings file that the dataset passes, and that says what everything means."""

import tomllib

import pytest

from labelaudit.api.init import fitted_noise
from labelaudit.core.dataset import SetAside
from labelaudit.gate.limits import Limits
from tests.cli.terminal import masked
from tests.gate_audit import Row, write_pictures, write_rows

ROWS = [
    Row("big cat/1.png", "big cat", 0.02, "dog"),
    *[Row(f"big cat/{n}.png", "big cat") for n in range(3, 6)],
    *[Row(f"dog/{n}.png", "dog") for n in range(9, 15)],
]
BROKEN = SetAside("dog/x.png", "dog/x.png", "dog", "unreadable", "empty")


@pytest.fixture
def photos(here):
    write_rows(here, write_pictures(here / "photos", ROWS), set_aside=[BROKEN])
    (here / "photos" / "dog" / "x.png").write_bytes(b"")
    return here / "photos"


def test_init_writes_settings_that_the_dataset_passes(photos, here, labelaudit, golden):
    run = labelaudit("init")
    assert (run.exit_code, run.stdout.splitlines()[0]) == (0, "wrote labelaudit.toml")
    text = (here / "labelaudit.toml").read_text()
    golden("init", masked(text, here))
    assert labelaudit("baseline").exit_code == 0
    check = labelaudit("check")
    assert check.exit_code == 0


def test_every_key_of_init_is_a_limit_and_paths_are_relative_to_the_file(photos, here, labelaudit):
    (here / "gate").mkdir()
    assert labelaudit("init", "--output", "gate/labelaudit.toml").exit_code == 0
    values = tomllib.loads((here / "gate" / "labelaudit.toml").read_text())
    assert (values["audit"], values["data"]) == ("..", "../photos")
    assert set(values["check"]) - {"severity"} <= set(Limits.__dataclass_fields__)
    assert labelaudit("check", "--config", "gate/labelaudit.toml").exit_code == 0


def test_what_is_commented_out_can_be_switched_on(photos, here, labelaudit):
    labelaudit("init")
    lines = (here / "labelaudit.toml").read_text().splitlines()
    settings = [line.removeprefix("# ") if " = " in line or "[" in line else line for line in lines]
    (here / "labelaudit.toml").write_text("\n".join(settings))
    run = labelaudit("check", "--print-config", "--profile", "nightly")
    assert (run.exit_code, run.stderr) == (0, "")
    assert '[check.classes."big cat"]\nmax_noise = 0.2\n' in run.stdout


def test_a_file_that_is_there_is_replaced_only_when_told(photos, here, labelaudit):
    (here / "labelaudit.toml").write_text("mine")
    run = labelaudit("init")
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr == "error: labelaudit.toml exists.\n  try: --force replaces it.\n"
    assert labelaudit("init", "--force").exit_code == 0
    assert (here / "labelaudit.toml").read_text().startswith("# Settings of labelaudit check")


def test_init_needs_an_audit_and_a_toml_file(here, labelaudit):
    assert labelaudit("init").exit_code == 3
    run = labelaudit("init", "--output", "gate.yml")
    assert (run.exit_code, run.stderr.splitlines()[0]) == (2, "error: gate.yml is not a .toml file.")


@pytest.mark.parametrize(
    ("measured", "limit"), [(0.0, 0.02), (0.005, 0.02), (0.0979, 0.11), (0.1, 0.11), (0.0312, 0.035), (0.95, 1.0)]
)
def test_the_limit_is_a_little_above_what_is_measured(measured, limit):
    assert fitted_noise(measured) == limit
