"""`scan --update` and `check --rescan new` from a shell."""

import json

import pytest

from tests.cli.terminal import masked, write_photos

SCAN = ["scan", "photos", "--method", "ce", "--device", "cpu", "-o", "epochs=12", "-o", "train.batch_size=8"]
MISTAKES = {
    "update-never-scanned": (["scan", "photos", "--update"], 2),
    "check-rescan-what": (["check", "--rescan", "all"], 2),
}


def add_photos(here, *, swapped):
    """Add 4 photos of each class; with `swapped`, one of them under the wrong label."""
    more = write_photos(here / "more", n=48)
    for index in range(40, 48):
        label = ("cat", "dog")[index % 2]
        name = f"{index:03d}.png"
        target = ("dog" if label == "cat" else "cat") if swapped and index == 44 else label
        (more / label / name).rename(here / "photos" / target / name)


def test_an_update_and_a_rescan_judge_what_is_new(here, labelaudit, golden):
    write_photos(here, n=40)
    assert labelaudit(*SCAN, "--quiet").exit_code == 0
    add_photos(here, swapped=True)
    stale = labelaudit("check", "-o", "max_noise=none", "-o", "max_new_suspects=none")
    assert stale.exit_code == 1
    assert "8 of 48 samples are not judged: 8 new" in stale.stdout

    run = labelaudit("scan", "photos", "--update", "--device", "cpu")
    assert run.exit_code == 0
    golden("update-stderr", masked(run.stderr, here))
    assert "dog/044.png" in run.stdout

    again = labelaudit("scan", "photos", "--update", "--quiet", "--json")
    assert again.stderr == ""
    assert json.loads(again.stdout)["samples"] == 48
    checked = labelaudit("check", "-o", "max_noise=none", "-o", "max_new_suspects=none", "--rescan", "new")
    assert checked.exit_code == 0
    assert checked.stderr.startswith("nothing has changed since ")


def test_a_rescan_gates_on_new_files_and_trains_nothing(here, labelaudit):
    write_photos(here, n=40)
    assert labelaudit(*SCAN, "--quiet").exit_code == 0
    assert labelaudit("baseline").exit_code == 0  # whatever is suspect now is known
    add_photos(here, swapped=True)
    run = labelaudit("check", "-o", "max_noise=none", "--rescan", "new")
    assert run.exit_code == 1
    assert "dog/044.png" in run.stdout
    assert "8 judged, 40 verdicts taken over, 0 gone" in run.stderr
    assert "17% of the samples were never seen by the networks; a full scan is due" in run.stderr


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_what_is_wrong_and_what_to_try(name, here, labelaudit, golden):
    write_photos(here, n=8)
    arguments, exit_code = MISTAKES[name]
    run = labelaudit(*arguments)
    assert (run.exit_code, run.stdout) == (exit_code, "")
    golden(f"error-{name}", masked(run.stderr[run.stderr.index("error: ") :], here))
