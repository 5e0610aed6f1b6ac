"""scan and inspect, from the data to the results, by the real command line."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from labelaudit.cli.progress import ScanProgress
from labelaudit.core.events import EpochFinished
from labelaudit.exports.people import COLUMNS
from tests.cli.terminal import SHORT, masked, run_program, write_flowers, write_photos, write_truncated_jpeg

FLOWERS = ["scan", "flowers.csv", "--label-column", "species"]


def test_a_table_becomes_an_audit_a_list_of_suspects_and_a_summary(here, labelaudit, golden):
    write_flowers(here)
    scan = labelaudit(*FLOWERS, "--device", "cpu")
    assert scan.exit_code == 0
    golden("scan-table-stderr", masked(scan.stderr, here))
    header = r"^flowers.csv\n120 samples · 3 classes · method two-stage · recipe fast · "
    assert re.search(header, scan.stdout, re.MULTILINE)
    rate = r"^Wrong labels     likely \d+\.\d %, about \d+ of 120; certain \d+\.\d %, at most \d+\.\d %$"
    assert re.search(rate, scan.stdout, re.MULTILINE)
    assert labelaudit("export", "--suspect.csv").exit_code == 0
    frame = pd.read_csv(here / "suspect.csv")
    assert list(frame.columns) == list(COLUMNS)
    planted = {f"r{index:03d}" for index in range(0, 120, 10)}
    assert planted <= set(frame["sample_id"])
    assert set(frame["sample_id"][: len(planted)]) == planted
    summary = json.loads(labelaudit("show", "--json").stdout)
    assert (summary["source"], summary["samples"], summary["classes"]) == ("flowers.csv", 120, 3)
    assert summary["suspects"] == len(frame)
    assert (here / ".labelaudit" / ".gitignore").read_text() == "*\n"


def test_json_is_one_object_on_stdout_and_progress_goes_to_stderr(here, labelaudit):
    write_flowers(here)
    run = labelaudit(*FLOWERS, *SHORT, "--json")
    summary = json.loads(run.stdout)
    assert (summary["schema"], summary["samples"], summary["method"]) == (1, 120, "two-stage")
    assert "Network 1 of 2 ..." in run.stderr.splitlines()
    assert "\x1b" not in run.stdout + run.stderr


def test_quiet_leaves_stderr_empty(here, labelaudit):
    write_flowers(here)
    run = labelaudit(*FLOWERS, *SHORT, "--quiet", "--json")
    assert (run.exit_code, run.stderr) == (0, "")
    assert json.loads(run.stdout)["samples"] == 120


def test_verbose_has_a_line_for_every_epoch(here, labelaudit):
    write_flowers(here)
    run = labelaudit(*FLOWERS, *SHORT, "--verbose")
    lines = re.findall(r"epoch (\d)/(\d), mean loss -?\d+\.\d{4}(?: \(|$)", run.stderr, re.MULTILINE)
    assert lines == [("1", "2"), ("2", "2")] * 2


@pytest.mark.parametrize(
    ("mean_loss", "said"), [(0.25, "0.2500\n"), (-1.5, "-1.5000 (no error: ELR's term is below 0)\n")]
)
def test_a_loss_below_zero_is_explained(here, capsys, mean_loss, said):
    progress = ScanProgress(quiet=False, verbose=True, no_color=True)
    progress(EpochFinished("elr", 3, 10, mean_loss))
    assert capsys.readouterr().err.endswith(f"epoch 3/10, mean loss {said}")


def test_a_truncated_image_is_told_and_set_aside(here, labelaudit, golden):
    write_photos(here)
    write_truncated_jpeg(here / "photos" / "cat" / "broken.jpg")
    run = labelaudit("scan", "photos", *SHORT)
    assert run.exit_code == 0
    golden("scan-photos-stderr", masked(run.stderr, here))
    assert "\n1 sample could not be scanned\n  cat/broken.jpg: the file is cut off" in run.stdout
    findings = pd.read_parquet(next((here / ".labelaudit" / "audits").iterdir()) / "findings.parquet")
    assert len(findings) == 25
    broken = findings.set_index("sample_id").loc["cat/broken.jpg"]
    assert (broken["action"], broken["issue"], broken["rank"]) == ("drop", "unreadable", 25)


def test_probabilities_are_judged_without_training(here, labelaudit):
    write_flowers(here)
    probs = np.full((120, 3), 0.05)
    probs[np.arange(120), np.arange(120) % 3] = 0.9
    np.save(here / "probs.npy", probs)
    run = labelaudit(*FLOWERS, "--probs", "probs.npy", "--json")
    assert run.exit_code == 0
    assert "probs.npy: columns are the classes in this order: setosa, versicolor, virginica." in run.stderr
    assert "Network" not in run.stderr
    summary = json.loads(run.stdout)
    worst = {row["sample_id"] for row in summary["worst"]}
    assert worst <= {f"r{index:03d}" for index in range(0, 120, 10)}
    assert len(worst) == 10


def test_embeddings_replace_the_columns(here, labelaudit):
    write_flowers(here)
    draw = np.random.default_rng(7)
    np.save(here / "vectors.npy", draw.normal(0, 0.3, (120, 8)) + 4 * np.eye(8)[np.arange(120) % 3])
    run = labelaudit(*FLOWERS, "--embeddings", "vectors.npy", "--json", "--device", "cpu")
    assert run.exit_code == 0
    assert "columns of numbers" not in run.stderr
    worst = [row["sample_id"] for row in json.loads(run.stdout)["worst"]]
    assert set(worst) <= {f"r{index:03d}" for index in range(0, 120, 10)}


def test_inspect_shows_what_a_scan_would_do(here, labelaudit, golden):
    write_photos(here)
    write_truncated_jpeg(here / "photos" / "cat" / "broken.jpg")
    run = labelaudit("inspect", "photos", "--device", "cpu")
    assert (run.exit_code, run.stderr) == (0, "")
    golden("inspect", masked(run.stdout, here))
    assert not (here / ".labelaudit").exists()


def test_inspect_names_a_scan_with_the_same_options(here, labelaudit):
    write_flowers(here)
    options = ["--label-column", "species", "--fold-labels", "--device", "cpu", "--option", "epochs=2"]
    run = labelaudit("inspect", "flowers.csv", *options)
    assert run.stdout.splitlines()[-1] == f"Next: labelaudit scan flowers.csv {' '.join(options)}"


def test_inspect_chooses_for_a_budget_and_a_seed_as_a_scan_would(here, labelaudit):
    write_flowers(here)
    options = ["--label-column", "species", "--budget", "1s", "--device", "cpu", "--seed", "3"]
    found = json.loads(labelaudit("inspect", "flowers.csv", *options, "--json").stdout)
    assert found["why"].startswith("budget 1s: 4 networks of ")
    assert found["recipe"]["seed"] == 3
    named = labelaudit("inspect", "flowers.csv", *options, "--recipe", "fast")
    assert "; the recipe fast wins over the budget 1s" in " ".join(named.stdout.split())
    assert named.stdout.splitlines()[-1].endswith("--recipe fast --budget 1s --device cpu --seed 3")


def test_inspect_refuses_a_budget_that_is_no_time(here, labelaudit):
    run = labelaudit("inspect", "none.csv", "--budget", "soon")
    assert (run.exit_code, run.stderr.splitlines()[0]) == (2, "error: 'soon' is not a time.")


def test_inspect_json_is_one_object(here, labelaudit):
    write_flowers(here)
    found = json.loads(labelaudit("inspect", "flowers.csv", "--label-column", "species", "--json").stdout)
    assert found["schema"] == 1
    assert found["classes"] == {"setosa": 40, "versicolor": 40, "virginica": 40}
    assert found["recipe"]["data"]["label_column"] == "species"


@pytest.mark.slow
def test_the_real_program_keeps_results_and_progress_apart(here):
    write_flowers(here)
    run = run_program(*FLOWERS, *SHORT, "--json", cwd=here)
    assert run.exit_code == 0
    assert json.loads(run.stdout)["samples"] == 120
    assert "Network 2 of 2 ..." in run.stderr.splitlines()


@pytest.mark.slow
def test_the_demo_finds_what_was_planted(here):
    run = run_program("demo", "--json", "--quiet", cwd=here)
    assert (run.exit_code, run.stderr) == (0, "")
    demo = json.loads(run.stdout)["demo"]
    assert demo["planted"] == 144
    assert demo["average_precision"] >= 0.95
    assert demo["found"] >= 0.9 * demo["planted"]
    suspects = pd.read_csv(here / "labelaudit-demo" / "suspect.csv")
    assert len(suspects) == demo["found"] + demo["false_alarms"]


def test_another_method_and_a_shortened_schedule_are_marked(here, labelaudit):
    write_flowers(here)
    run = labelaudit(*FLOWERS, "--method", "gce", "--epochs-scale", "0.05", "--device", "cpu")
    assert run.exit_code == 0
    assert "120 samples · 3 classes · method gce · recipe fast · schedule scaled to 0.05 · " in run.stdout
    assert "gce, 6 epochs of a multilayer perceptron on 120 rows; schedule scaled to 0.05" in run.stderr
    summary = json.loads(labelaudit("show", "--json").stdout)
    assert (summary["method"], summary["epochs_scale"]) == ("gce", 0.05)


def test_the_option_of_another_method_is_refused_with_those_of_this_one(here, labelaudit):
    write_flowers(here)
    run = labelaudit(*FLOWERS, "--method", "ce", "-o", "relabel_from=3")
    assert run.exit_code == 2
    assert "unknown setting 'method.relabel_from'" in run.stderr
    assert "Known settings: method.epochs, method.schedule, method.peak_lr" in run.stderr


def test_inspect_shows_what_another_method_would_do_and_how_to_scan_with_it(here, labelaudit):
    write_flowers(here)
    run = labelaudit("inspect", *FLOWERS[1:], "--method", "elr+", "--epochs-scale", "0.5")
    assert run.exit_code == 0
    assert "elr+" in run.stdout
    assert run.stdout.endswith(
        "Next: labelaudit scan flowers.csv --label-column species --method elr+ --epochs-scale 0.5\n"
    )
