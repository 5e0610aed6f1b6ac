"""Several labels a sample, from the table to the table: inspect, scan, show, export, check."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from labelaudit import load, scan

NAMES = np.array(["rust", "scab", "spot"])
N = 240


@pytest.fixture(scope="module")
def scanned_once(tmp_path_factory):
    """Scan leaves once for all tests; each works on a copy."""
    root = tmp_path_factory.mktemp("leaves")
    write_leaves(root)
    before = Path.cwd()
    os.chdir(root)
    try:
        scan("leaves.csv", embeddings="leaves.npy")
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def scanned(here, scanned_once):
    """Work in a folder with leaves and their audit."""
    shutil.copytree(scanned_once, here, dirs_exist_ok=True)
    return here


@pytest.fixture
def leaves(here):
    """Write leaves here."""
    return write_leaves(here)


def write_leaves(here):
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
    assert np.mean(found) >= 0.7  # of 20 suspects; 6 of 100 labels are wrong
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


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def findings(labelaudit):
    assert labelaudit("export", "--all.csv", "--output", "out", "--overwrite").exit_code == 0
    return {row["sample_id"]: row for row in rows_of(Path("out/all.csv"))}


def one_that(rows, *, has):
    """Return the surest pair of rust whose leaf has it, or lacks it, beside another label."""
    found = [name for name, row in rows.items() if name.endswith("#rust") and row["given_label"] == has]
    full = {row["given_label"] for row in rows.values()}
    assert has in full
    others = [name for name in found if rows[name.replace("#rust", "#scab")]["given_label"] == "scab"]
    return max(others, key=lambda name: float(rows[name]["clean_prob"]))


def test_marked_labels_are_added_to_a_cell_or_taken_away(scanned, labelaudit):
    rows = findings(labelaudit)
    much, little = one_that(rows, has="rust"), one_that(rows, has="not rust")
    assert labelaudit("mark", much, little, "--wrong", "--why", "seen").exit_code == 0
    again = findings(labelaudit)
    assert [again[name]["suggested_label"] for name in (much, little)] == ["not rust", "rust"]
    done = labelaudit("apply", "--yes", "--output", "mended.csv", "--json")
    assert json.loads(done.stdout)["relabelled"] == 2
    before, after = ((scanned / name).read_text().splitlines() for name in ("leaves.csv", "mended.csv"))
    changed = {old: new for old, new in zip(before, after, strict=True) if old != new}
    cells = {tuple(old.split(",")[1].split(";")): new.split(",")[1].split(";") for old, new in changed.items()}
    assert len(changed) == 2
    assert all(set(old) ^ set(new) == {"rust"} for old, new in cells.items())
    assert all(old.split(",")[::2] == new.split(",")[::2] for old, new in changed.items())


def test_a_label_of_another_pair_is_no_answer(scanned, labelaudit):
    name = one_that(findings(labelaudit), has="rust")
    refused = labelaudit("mark", name, "--wrong", "--label", "spot", "--why", "seen")
    assert refused.exit_code == 2
    assert "is about 'rust' alone" in refused.stderr
    assert "has no sample" in labelaudit("mark", f"{name}s", "--ok", "--why", "seen").stderr


def test_questions_about_pairs_take_yes_no_and_the_other_answer(scanned, labelaudit):
    assert labelaudit("ask", "12", "--write", "q.csv").exit_code == 0
    asked = rows_of(scanned / "q.csv")
    for number, row in enumerate(asked):
        row["answer"] = "n" if number == 0 else row["suggested_label"] if number == 1 else "y"
    with (scanned / "q.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, asked[0])
        writer.writeheader()
        writer.writerows(asked)
    answered = json.loads(labelaudit("ask", "--from", "q.csv", "--json").stdout)
    assert (answered["answered"], answered["wrong"]) == (12, 2)
    kept = [json.loads(line) for line in (next((scanned / ".labelaudit/audits").iterdir()) / "decisions.jsonl").open()]
    assert all(row["label"].removeprefix("not ") == row["sample_id"].partition("#")[2] for row in kept if row["label"])
    assert sum(bool(row["label"]) for row in kept) == 2


def test_labels_are_judged_again_each_by_itself(scanned, labelaudit):
    before = json.loads(labelaudit("show", "--json").stdout)
    same = json.loads(labelaudit("judge", "--json").stdout)
    assert same["noise"] == before["noise"]
    assert same["labels"] == before["labels"]
    strict = json.loads(labelaudit("judge", "-o", "policy.suspect_below=0.05", "--json").stdout)
    suspects = [sum(row["should_not"] + row["lacks_but_should"] for row in one["labels"]) for one in (before, strict)]
    assert suspects[1] < suspects[0]


def test_a_baseline_of_pairs_silences_them_and_compare_names_them(scanned, labelaudit):
    assert labelaudit("baseline").exit_code == 0
    known = (scanned / "labelaudit-baseline.tsv").read_text()
    assert "\trust\t" in known or "\tnot rust\t" in known
    checked = labelaudit("check", "--data", "leaves.csv", "--format", "json")
    rules = {rule["rule"]: rule for rule in json.loads(checked.stdout)["results"]}
    assert rules["max-new-suspects"]["measured"] == 0
    first = next((scanned / ".labelaudit/audits").iterdir())
    assert labelaudit("judge", "-o", "policy.suspect_below=0.05", "--quiet").exit_code == 0
    told = labelaudit("compare", str(first))
    assert told.exit_code == 0, told.stderr
    assert "0 new, " in told.stdout
    assert "0 fixed" not in told.stdout


def test_an_update_looks_at_all_pairs_again(scanned, labelaudit):
    before = len(load().findings)
    told = labelaudit("scan", "leaves.csv", "--embeddings", "leaves.npy", "--update")
    assert "nothing has changed" in told.stderr
    vectors = np.load("leaves.npy")
    np.save("leaves.npy", np.concatenate([vectors, vectors[:1] + 0.01]))
    with Path("leaves.csv").open("a") as file:
        file.write("new,rust;spot,3\n")
    told = labelaudit("scan", "leaves.csv", "--embeddings", "leaves.npy", "--update")
    assert "3 judged, " in told.stderr
    assert " judged again with them, 0 gone" in told.stderr
    assert len(load().findings) == before + 3


def test_few_samples_are_quiet_without_a_claim(here, labelaudit):
    rows = [f"{n},{'a;b' if n % 3 == 0 else 'ab'[n % 2]}" for n in range(14)]
    (here / "few.csv").write_text("\n".join(["x,labels", *rows]) + "\n")
    done = labelaudit("scan", "few.csv", "--quiet")
    assert done.exit_code == 0, done.stderr
    assert "No evidence" not in done.stdout
    assert "too few labels" in done.stdout
