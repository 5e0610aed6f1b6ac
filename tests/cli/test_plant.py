"""plant and bench by the command line: noise that is written, scanned and measured."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from labelaudit.lab.rivals import RIVALS
from labelaudit.noise.spec import NOISES
from tests.cli.terminal import SHORT, masked, write_flowers, write_photos

DOCS = Path(__file__).parents[2] / "docs"
CLEAN = ["--label-column", "species"]


def test_planted_labels_are_told_with_their_actual_rate_and_scanned_at_once(here, labelaudit, golden):
    write_flowers(here)
    run = labelaudit("plant", "flowers.csv", "noisy.csv", "--noise", "sym_incl:0.3", *CLEAN)
    assert (run.exit_code, run.stderr) == (0, "")
    golden("plant-table", masked(run.stdout, here))
    command = run.stdout.splitlines()[-1].removeprefix("Next: labelaudit ").split()
    scan = labelaudit(*command, *SHORT, "--json", "--quiet")
    assert scan.exit_code == 0
    assert json.loads(scan.stdout)["samples"] == 120


def test_a_planted_folder_is_scanned_at_once(here, labelaudit):
    write_photos(here)
    for out, options in (("list.csv", []), ("copies", ["--copy"])):
        found = json.loads(labelaudit("plant", "photos", out, "--noise", "pair:0.25", *options, "--json").stdout)
        assert (found["samples"], found["wrong"], found["rate"]) == (24, 6, 0.25)
        scan = labelaudit(*found["command"].split()[1:], *SHORT, "--json", "--quiet")
        assert scan.exit_code == 0, scan.stderr
        truth = pd.read_csv(found["truth"], index_col="sample_id")
        frame = pd.read_parquet(next((here / ".labelaudit" / "audits").glob("*/findings.parquet")))
        assert set(truth.index) == set(frame["sample_id"])
        for audit in (here / ".labelaudit" / "audits").iterdir():
            audit.rename(here / f"{out}-{audit.name}")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("plant-unknown-noise", ["plant", "flowers.csv", "n.csv", *CLEAN, "--noise", "symm:0.2"]),
        ("plant-over-a-file", ["plant", "flowers.csv", "flowers.csv", *CLEAN]),
        ("plant-no-table", ["plant", "flowers.csv", "noisy", *CLEAN]),
        ("bench-unknown-rival", ["bench", "flowers.csv", *CLEAN, "--rival", "cleanlob"]),
        ("bench-option-after-a-rate", ["bench", "flowers.csv", *CLEAN, "--noise", "pair:0.2:3"]),
        ("bench-no-labels-file", ["bench", "flowers.csv", *CLEAN, "--labels-file", "gone.npy"]),
    ],
)
def test_a_mistake_says_what_is_wrong_and_what_to_try(name, arguments, here, labelaudit, golden):
    write_flowers(here)
    run = labelaudit(*arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    golden(f"error-{name}", masked(run.stderr[run.stderr.index("error: ") :], here))


def test_a_bench_prints_both_sides_and_writes_markdown_and_parquet(here, labelaudit):
    write_flowers(here)
    options = [*CLEAN, *SHORT, "--rival", "argmax", "--rival", "elr", "--seeds", "2", "--markdown", "bench.md"]
    run = labelaudit("bench", "flowers.csv", *options)
    assert run.exit_code == 0
    lines = [line.rstrip() for line in run.stdout.splitlines() if line.strip()]
    assert lines[0] == "sym:0.2 (actual 20.0 %, 2 seeds), 120 samples"
    assert lines[1].split() == ["labelaudit", "fast", "argmax", "elr"]
    assert lines[3].split()[0] == "AUROC"
    assert lines[-2].split() == ["training", "images", "480", "480", "480"]
    assert lines[-1] == "± is the standard deviation over the seeds."
    assert max(map(len, lines)) <= 100
    assert (here / "bench.md").read_text().startswith("## sym:0.2 (actual 20.0 %, 2 seeds)\n\n| method | AUROC |")
    assert len(pd.read_parquet(here / ".labelaudit" / "bench.parquet")) == 6
    again = labelaudit("bench", "flowers.csv", *options, "--json")
    assert [row["seconds"] for row in json.loads(again.stdout)["rows"]] == pytest.approx(
        pd.read_parquet(here / ".labelaudit" / "bench.parquet")["seconds"].tolist()
    )
    assert "3 of 3 rows were in .labelaudit/bench.parquet" in again.stderr


def rows_of(page, heading):
    """Return the first two cells of every row of the first table after a heading, code marks cut."""
    text = (DOCS / page).read_text(encoding="utf-8").split(heading, 1)[1]
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert found, heading
    lines = [line.strip("|").split(" | ") for line in found.group().splitlines()[2:]]
    return [(cells[0].strip().replace("`", ""), cells[1].strip()) for cells in lines]


def test_the_page_on_the_bench_lists_noises_and_rivals():
    assert rows_of("how-to/bench.md", "## Kinds of noise") == list(NOISES.items())
    assert [name for name, _ in rows_of("how-to/bench.md", "## Rivals")] == list(RIVALS)


def test_the_page_on_results_lists_the_columns(here, labelaudit):
    write_flowers(here)
    labelaudit("bench", "flowers.csv", *CLEAN, *SHORT, "--quiet")
    columns = list(pd.read_parquet(here / ".labelaudit" / "bench.parquet").columns)
    named = [name for name, _ in rows_of("reference/bench-results.md", "# bench.parquet")]
    assert sorted(named) == sorted(columns)
