"""The whole story in a repository: scan, baseline, commit, a bad pull request, a mark, the ratchet, green."""

import json
import subprocess

import pytest

from tests.cli.terminal import write_flowers

_SPECIES = ("setosa", "versicolor", "virginica")
SCAN = ["scan", "flowers.csv", "--label-column", "species", "--id-column", "id", "--device", "cpu", "--quiet"]


def git(folder, *words):
    name = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *name, *words], cwd=folder, capture_output=True, text=True, check=True)


def relabel(table, names):
    """Give rows the label after the one they have."""
    lines = table.read_text().splitlines()
    for number, line in enumerate(lines):
        cells = line.split(",")
        if cells[0] in names:
            right = _SPECIES[(_SPECIES.index(cells[-1]) + names[cells[0]]) % 3]
            lines[number] = ",".join([*cells[:-1], right])
    table.write_text("\n".join(lines) + "\n")


def failed(run):
    found = json.loads(run.stdout)["results"]
    return {
        each["rule"]: sorted(sample["sample_id"] for sample in each["samples"])
        for each in found
        if each["status"] == "failed" and each["severity"] == "error"
    }


@pytest.mark.slow
def test_a_gate_from_the_first_scan_to_a_clean_dataset(here, labelaudit):
    # A dataset with twelve wrong labels: scanned, its suspects known, all committed, the gate is green.
    table = write_flowers(here)
    planted = {f"r{index:03d}" for index in range(0, 120, 10)}
    git(here, "init", "-q", "-b", "main", ".")
    assert labelaudit(*SCAN).exit_code == 0
    assert labelaudit("init").exit_code == 0
    assert labelaudit("baseline").exit_code == 0
    baseline = here / "labelaudit-baseline.tsv"
    first = len(baseline.read_text().splitlines()) - 2
    assert first >= len(planted)
    git(here, "add", "-A")
    git(here, "commit", "-q", "-m", "first")
    assert labelaudit("check", "--since", "main").exit_code == 0

    # A pull request adds rows, two of them with wrong labels: not judged at first, then found by a scan.
    git(here, "checkout", "-q", "-b", "more-flowers")
    rows = ["n1,0.1,0.2,red,virginica", "n2,8.1,-6.1,blue,setosa", "n3,4.1,-3.2,red,versicolor"]
    table.write_text(table.read_text() + "\n".join(rows) + "\n")
    run = labelaudit("check", "--since", "main", "--json")
    assert (run.exit_code, list(failed(run))) == (1, ["max-unjudged"])
    assert json.loads(run.stdout)["results"][-1]["listed"] == ["n1 (new)", "n2 (new)", "n3 (new)"]
    assert labelaudit(*SCAN).exit_code == 0
    run = labelaudit("check", "--since", "main", "--json")
    assert run.exit_code == 1
    assert failed(run) == {"max-new-suspects": ["n1", "n2"], "max-changed-suspects": ["n1", "n2"]}

    # A person looks: one label is right after all, the other one is corrected and judged again.
    assert labelaudit("mark", "n1", "--ok", "--why", "a virginica in its first year").exit_code == 0
    assert "\tok\t" in baseline.read_text()
    relabel(table, {"n2": 2})
    run = labelaudit("check", "--since", "main", "--json")
    assert (run.exit_code, list(failed(run))) == (1, ["max-unjudged"])
    assert labelaudit(*SCAN).exit_code == 0
    assert labelaudit("check", "--since", "main").exit_code == 0
    git(here, "add", "-A")
    git(here, "commit", "-q", "-m", "more flowers")

    # Four of the old errors are corrected: the ratchet drops them and keeps what was called right.
    relabel(table, {"r000": 2, "r010": 2, "r020": 2, "r030": 2})
    assert labelaudit(*SCAN).exit_code == 0
    before = baseline.read_text().splitlines()
    run = labelaudit("baseline", "--ratchet")
    assert (run.exit_code, "(0 added," in run.stdout) == (0, True)
    after = baseline.read_text().splitlines()
    assert set(after) < set(before)
    assert len(before) - len(after) >= 4
    assert any("\tok\t" in line for line in after)
    assert labelaudit("check", "--since", "main").exit_code == 0
    assert labelaudit("check", "--max-suspects", str(first - 4)).exit_code == 0
