"""export and show: what a finished audit says, without training anything."""

import json
import subprocess

import pandas as pd
import pytest

from tests.cli.terminal import COMMAND, masked, write_audit
from tests.gate_audit import Row, write_rows


def test_show_prints_the_summary(here, labelaudit, golden):
    write_audit(here)
    run = labelaudit("show")
    assert (run.exit_code, run.stderr) == (0, "")
    golden("show", masked(run.stdout, here))


def test_show_finds_the_audit_of_another_folder_and_names_it_in_the_next_commands(here, labelaudit):
    write_audit(here / "two words")
    run = labelaudit("show", "--audit", "two words")
    assert "  labelaudit export --suspect.csv --audit 'two words'  " in run.stdout


def test_show_json_is_one_object_and_nothing_else(here, labelaudit):
    audit = write_audit(here)
    run = labelaudit("show", "--json")
    summary = json.loads(run.stdout)
    assert (run.exit_code, run.stderr) == (0, "")
    assert summary == audit.summary
    assert summary["schema"] == 1
    assert summary["actions"] == {"keep": 2, "relabel": 1, "review": 1, "drop": 1}


def test_names_that_look_like_markup_or_emoji_are_shown_as_they_are(here, labelaudit):
    write_audit(here, ids=("cat/1.png", "cat/[/red].png", "dog/3.png", "dog/:cat:.png"))
    run = labelaudit("show")
    assert run.exit_code == 0
    assert "cat/[/red].png" in run.stdout
    assert "dog/:cat:.png" in run.stdout


def test_export_writes_the_suspects_the_worst_first(here, labelaudit, golden):
    write_audit(here)
    run = labelaudit("export", "--suspect.csv")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "wrote suspect.csv: 3 rows of photos\n")
    golden("suspect.csv", (here / "suspect.csv").read_text())
    frame = pd.read_csv(here / "suspect.csv")
    assert {"rank", "path", "given_label", "why", "decision", "note"} <= set(frame.columns)
    assert frame["sample_id"].tolist() == ["cat/2.png", "dog/4.png", "dog/5.jpg"]


def test_export_applies_only_confident_suggestions(here, labelaudit):
    write_audit(here)
    run = labelaudit("export", "--relabelled.csv", "--clean.jsonl", "--output", "results")
    said = "wrote results/clean.jsonl: 2 rows of photos\nwrote results/relabelled.csv: 4 rows of photos\n"
    assert (run.exit_code, run.stderr) == (0, said)
    frame = pd.read_csv(here / "results" / "relabelled.csv")
    assert frame["label"].tolist() == ["cat", "dog", "dog", "dog"]
    assert frame["changed"].tolist() == [False, True, False, False]
    clean = [json.loads(line)["sample_id"] for line in (here / "results" / "clean.jsonl").read_text().splitlines()]
    assert clean == ["cat/1.png", "dog/3.png"]


def test_export_to_stdout_is_the_table_and_nothing_else(here, labelaudit):
    write_audit(here)
    run = labelaudit("export", "--suspect.jsonl", "--stdout")
    assert (run.exit_code, run.stderr) == (0, "")
    assert [json.loads(line)["action"] for line in run.stdout.splitlines()] == ["relabel", "review", "drop"]
    assert not (here / "suspect.jsonl").exists()


def test_export_to_stdout_is_the_same_as_the_file(here, labelaudit):
    rows = [Row("cat/1.png", "cat", 0.1, "dog"), Row("dog/2.png", "dog")]
    write_rows(here, rows, results={"noise_interval": [0.1, 0.6]})
    labelaudit("export", "--all.csv", "--relabelled.csv")
    assert "clean_prob_low" in (here / "all.csv").read_text()
    for name in ("all.csv", "relabelled.csv"):
        assert labelaudit("export", f"--{name}", "--stdout").stdout == (here / name).read_text()


@pytest.mark.parametrize("arguments", ["export --all.jsonl --stdout", "show", "show --json"])
def test_a_reader_that_goes_away_leaves_no_traceback(arguments, here):
    write_audit(here)
    line = f"set -o pipefail; {' '.join(COMMAND)} {arguments} | true"
    done = subprocess.run(["bash", "-c", line], cwd=here, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.returncode == 0
