"""Several labels a sample, from the table to the table: inspect, scan, show, export, check."""

import csv
import json

import numpy as np
import pytest

NAMES = np.array(["rust", "scab", "spot"])
N = 240


@pytest.fixture
def leaves(here):
    """Write cells of labels, 6 % of them wrong, beside vectors that tell the truth; return who has what, (N, 3)."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(N, 6))
    has = hidden[:, :3] > np.array([0.3, 0.0, 0.8])
    wrong = rng.random(has.shape) < 0.06
    np.save(here / "leaves.npy", (hidden @ rng.normal(size=(6, 16))).astype(np.float32))
    cells = [";".join(NAMES[row]) for row in has ^ wrong]
    lines = [f"leaf{n},{cell},{n % 7}" for n, cell in enumerate(cells)]
    (here / "leaves.csv").write_text("\n".join(["leaf,labels,age", *lines]) + "\n")
    return wrong


def test_every_label_is_audited_against_the_rest(here, labelaudit, leaves):
    told = json.loads(labelaudit("inspect", "leaves.csv", "--embeddings", "leaves.npy", "--json").stdout)
    filled = int(sum(bool(line.split(",")[1]) for line in (here / "leaves.csv").read_text().splitlines()[1:]))
    assert (told["samples"], [*told["classes"]], told["several"]["between"]) == (filled, [*NAMES], ";")
    assert len(told["problems"]) == N - filled  # an empty cell may mean anything
    done = labelaudit("scan", "leaves.csv", "--embeddings", "leaves.npy", "--quiet")
    assert done.exit_code == 0
    assert f"{filled} samples · 3 labels, several a sample" in done.stdout
    summary = json.loads(labelaudit("show", "--json").stdout)
    assert [row["name"] for row in summary["labels"]] == [*NAMES]
    suspects = labelaudit("export", "--suspect.csv", "--relabelled.csv", "--output", "out")
    assert suspects.exit_code == 0
    with (here / "out/suspect.csv").open(newline="") as file:
        judged = [row for row in csv.DictReader(file) if row["clean_prob"]]
    pairs = [row["sample_id"].partition("#") for row in judged]
    found = [leaves[int(number), NAMES.tolist().index(name)] for number, _, name in pairs]
    assert len(found) >= 5
    assert np.mean(found) >= 0.8
    assert {row["given_label"].removeprefix("not ") for row in judged} <= {*NAMES}
    before, after = ((here / name).read_text().splitlines() for name in ("leaves.csv", "out/relabelled.csv"))
    assert (len(after), after[0]) == (N + 1, before[0])
    assert [line.split(",")[::2] for line in after] == [line.split(",")[::2] for line in before]
    checked = labelaudit("check", "--data", "leaves.csv", "--format", "json")
    assert checked.exit_code in (0, 1)
    assert "not judged" in checked.stdout or "max-unjudged" in checked.stdout


def test_what_needs_one_label_a_sample_says_so(here, labelaudit, leaves):
    for command in (
        ("scan", "leaves.csv", "--embeddings", "leaves.npy", "--method", "elr"),
        ("scan", "leaves.csv", "--embeddings", "leaves.npy", "--finish", "elr"),
    ):
        done = labelaudit(*command)
        assert done.exit_code == 2
        assert "several labels a sample" in done.stderr or "these have several" in done.stderr
    refused = labelaudit("train", "leaves.csv", "--embeddings", "leaves.npy")
    assert refused.exit_code in (2, 3)
