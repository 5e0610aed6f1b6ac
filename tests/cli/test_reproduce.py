"""reproduce by the command line: what is listed, what a run prints, and what mistakes say."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.terminal import masked
from tests.published_copies import write_cifar10

CE = ["reproduce", "ce/cifar10/sym-incl-0.5", "--data", "cifar", "--epochs-scale", "0.01", "--device", "cpu"]


def test_the_settings_are_listed_with_their_figures(labelaudit):
    everything = labelaudit("reproduce", "--list").stdout.splitlines()
    assert "drpl/cifar10/sym-excl-0.4  92.92" in everything
    assert "elr+/cifar10/sym-incl-0.8  91.1, 93.3" in everything
    assert "elr/cifar10/sym-incl-0.4/no-term" in everything
    part = labelaudit("reproduce", "imagenet64", "--list").stdout.splitlines()
    assert part == [line for line in everything if "imagenet64" in line] != []
    found = json.loads(labelaudit("reproduce", "--list", "elr+/clothing1m", "--json").stdout)
    assert found == {"schema": 1, "settings": [{"name": "elr+/clothing1m/real", "published": [74.81]}]}


def test_without_a_name_the_tables_are_listed_with_what_can_be_run_and_what_was_done(here, labelaudit):
    folder = here / ".labelaudit/reproduce"
    folder.mkdir(parents=True)
    (folder / "results.csv").write_text("name,seed,epochs_scale,here\ndrpl/cifar10/clean,0,1,best 94.00\n")
    text = labelaudit("reproduce").stdout
    assert re.search(r"drpl/4 +144 +112 +112 +\d+ +1 +CIFAR-10, CIFAR-100", text)
    assert "of 965 published cells can be run" in text
    found = json.loads(labelaudit("reproduce", "--json").stdout)["tables"]
    (table,) = [each for each in found if each["name"] == "drpl/4"]
    assert (table["cells"], table["runnable"], table["done"]) == (144, 112, ["drpl/cifar10/clean"])


def test_a_table_is_printed_like_the_papers_beside_what_was_found(here, labelaudit, golden):
    folder = here / ".labelaudit/reproduce"
    folder.mkdir(parents=True)
    rows = "drpl/webvision50/real,0,1,best 80.10; noisy 18.00\nce/webvision50/real,0,0.02,best 12.00\n"
    (folder / "results.csv").write_text("name,seed,epochs_scale,here\n" + rows)
    golden("reproduce-table", labelaudit("reproduce", "--table", "drpl/3").stdout)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("reproduce-unknown-setting", ["reproduce", "drpl/cifar10/sym-0.4", "--data", "cifar"]),
        ("reproduce-unknown-table", ["reproduce", "--table", "drpl/44"]),
        ("reproduce-no-weights", ["reproduce", "elr+/clothing1m/real", "--data", "cifar"]),
        ("reproduce-no-data", ["reproduce", "drpl/cifar10/sym-excl-0.4"]),
        ("reproduce-missing-data", ["reproduce", "drpl/cifar10/sym-excl-0.4", "--data", "cifa"]),
        ("reproduce-no-labels", ["reproduce", "elr+/cifar10n/worst", "--data", "cifar"]),
        ("reproduce-nothing-to-resume", [*CE, "--resume"]),
    ],
)
def test_a_mistake_says_what_is_wrong_and_what_to_try(name, arguments, here, labelaudit, golden):
    write_cifar10(here / "cifar")
    run = labelaudit(*arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    golden(f"error-{name}", masked(run.stderr[run.stderr.index("error: ") :], here))


@pytest.mark.slow
def test_a_run_is_stopped_gone_on_with_and_printed_beside_the_published_figures(here, labelaudit, golden):
    write_cifar10(here / "cifar")
    stopped = labelaudit(*CE, "--stop-after", "0.01s")
    assert stopped.exit_code == 130
    assert stopped.stderr.splitlines()[-1] == (
        "  try: labelaudit reproduce ce/cifar10/sym-incl-0.5 --data cifar --epochs-scale 0.01 --resume goes on."
    )
    run = labelaudit(*CE, "--resume")
    assert run.exit_code == 0
    text = re.sub(r" +[-+]?\d+\.\d\d(?=[ \n])", "  N", run.stdout)  # they differ with the processor
    golden("reproduce", re.sub(r"best epoch \(\d\)", "best epoch (E)", text))
    again = json.loads(labelaudit(*CE, "--json", "--quiet").stdout)
    assert (again["name"], again["epochs_scale"], len(again["published"])) == ("ce/cifar10/sym-incl-0.5", 0.01, 4)
    assert len((here / ".labelaudit/reproduce/results.csv").read_text().splitlines()) == 3
