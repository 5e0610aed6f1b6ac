"""Scans with a trusted set, by the real command line."""

import json

import pandas as pd

from labelaudit.core.findings import Action
from tests.cli.terminal import masked, write_flowers, write_photos

IEG = [
    "scan",
    "flowers.csv",
    "--label-column",
    "species",
    "--method",
    "ieg",
    "--device",
    "cpu",
    "--trusted",
    "trusted.csv",
]


def trust(folder, *lines):
    (folder / "trusted.csv").write_text("\n".join(lines) + "\n")


def right_rows(n):
    """Return lines that trust n right labels of each kind."""
    kinds = ("setosa", "versicolor", "virginica")
    rows = [index for index in range(120) if index % 10][: 3 * n]
    return ["id,species", *(f"r{index:03d},{kinds[index % 3]}" for index in rows)]


def findings(folder):
    return pd.read_parquet(next((folder / ".labelaudit" / "audits").iterdir()) / "findings.parquet")


def test_ieg_learns_from_a_trusted_table_and_never_suspects_it(here, labelaudit, golden):
    write_flowers(here)
    trust(here, *right_rows(4))
    run = labelaudit(*IEG, "--json")
    assert run.exit_code == 0
    golden("scan-trusted-stderr", masked(run.stderr, here))
    frame = findings(here).set_index("sample_id")
    assert int(frame["trusted"].sum()) == 12
    assert set(frame["action"][frame["trusted"]]) == {Action.KEEP}
    assert set(frame["clean_prob"][frame["trusted"]]) == {1.0}
    planted = {f"r{index:03d}" for index in range(0, 120, 10)}
    assert set(frame.sort_values("rank").index[: len(planted)]) == planted
    assert json.loads(run.stdout)["method"] == "ieg"


def test_a_correction_by_the_trusted_set_is_a_warning_and_the_label_of_the_scan(here, labelaudit):
    write_flowers(here)
    trust(here, *right_rows(4), "r000,setosa")  # given as versicolor
    run = labelaudit(*IEG, "--json", "--epochs-scale", "0.1")
    warning = "trusted.csv corrects 1 label for this scan: flowers.csv:2 ('versicolor', trusted as 'setosa')."
    assert f"warning: {warning}" in run.stderr.splitlines()
    assert json.loads(run.stdout)["warnings"] == [warning]
    assert findings(here).set_index("sample_id").loc["r000", "given_label"] == "setosa"


def test_trusted_images_of_a_folder_are_added_and_any_method_may_use_them(here, labelaudit, golden):
    write_photos(here, n=16)
    write_photos(here / "more", n=30)  # the same stream of colours: the first 16 are those of the dataset
    run = labelaudit("inspect", "photos", "--trusted", "more/photos", "--trusted-per-class", "10", "--device", "cpu")
    assert run.exit_code == 0
    golden("inspect-trusted-folder", masked(run.stdout, here))


def test_inspect_ends_with_a_scan_of_the_same_trusted_set(here, labelaudit):
    write_flowers(here)
    trust(here, *right_rows(2))
    run = labelaudit("inspect", "flowers.csv", "--label-column", "species", "--trusted", "trusted.csv", "--json")
    assert json.loads(run.stdout)["trusted"] == 6
    text = labelaudit("inspect", *IEG[1:]).stdout
    assert text.rstrip().endswith(
        "labelaudit scan flowers.csv --label-column species --trusted trusted.csv --method ieg --device cpu"
    )
