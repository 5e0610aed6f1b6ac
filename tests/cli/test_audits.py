"""`labelaudit audits` and `compare`; what every command takes; tables that fit; and what shells complete."""

import inspect
import json
import re

import pytest
import typer.main

from labelaudit.cli import complete
from labelaudit.cli.app import app
from labelaudit.core.decisions import Known, record_decision
from tests.cli.terminal import masked, write_audit
from tests.gate_audit import Row, write_rows

ROWS = [Row("cat/1.png", "cat", 0.1, "dog"), Row("cat/2.png", "cat"), Row("dog/1.png", "dog", 0.3, "cat")]


def sizes_masked(text):
    """Return a table with its sizes replaced, and without the widths that follow from them."""
    masks = ((r"\d+(\.\d)? (k|M)?B\b", "SIZE"), ("─+", "─"), (" {2,}", "  "))
    for pattern, word in masks:
        text = re.sub(pattern, word, text)
    return text


def test_audits_are_listed_with_their_data_noise_and_size(here, labelaudit, golden):
    write_audit(here)
    write_rows(here, ROWS, source="pets", finished=False)
    (here / ".labelaudit" / "cache").mkdir()
    (here / ".labelaudit" / "cache" / "pixels").write_bytes(b"x" * 2_500_000)
    run = labelaudit("audits")
    assert run.exit_code == 0
    golden("audits", sizes_masked(masked(run.stdout)))
    listed = json.loads(labelaudit("audits", "--json").stdout)["audits"]
    assert [(each["source"], each["status"], each["samples"]) for each in listed] == [
        ("photos", "finished", None),
        ("pets", "running", 3),
    ]
    only = json.loads(labelaudit("audits", "pets", "--json").stdout)["audits"]
    assert [each["source"] for each in only] == ["pets"]


def test_no_audits_are_no_error(here, labelaudit):
    run = labelaudit("audits")
    assert (run.exit_code, run.stdout) == (0, "no audits here; `labelaudit scan DATA` makes one\n")


def test_an_audit_is_removed_by_the_beginning_of_its_name_and_the_next_one_is_the_latest(here, labelaudit):
    first, second = write_rows(here, ROWS), write_rows(here, ROWS[:2], method="elr")
    beginning = second.path.name[:-3]
    run = labelaudit("audits", "--remove", beginning)
    assert (run.exit_code, run.stderr.startswith(f"removed {second.path.name} (")) == (0, True)
    assert not second.path.exists()
    assert json.loads(labelaudit("show", "--json").stdout)["audit"]["name"] == first.path.name


def test_nothing_is_removed_where_one_name_is_wrong_or_people_decided(here, labelaudit):
    first = write_rows(here, ROWS)
    second = write_rows(here, ROWS, method="elr")
    wrong = labelaudit("audits", "--remove", first.path.name, "--remove", "2031")
    assert (wrong.exit_code, first.path.exists()) == (2, True)
    assert "there is no audit '2031'" in wrong.stderr
    assert labelaudit("audits", "--remove", "20").stderr.startswith("error: '20' is the beginning of 2 audits.")
    record_decision(second, Known("h", "cat", "ok"), sample_id="cat/1.png")
    kept = labelaudit("audits", "--remove", second.path.name)
    assert (kept.exit_code, second.path.exists()) == (2, True)
    assert "holds 1 decision of people" in kept.stderr
    assert labelaudit("audits", "--remove", second.path.name, "--force", "-q").stderr == ""
    assert not second.path.exists()


def test_two_audits_are_compared(here, labelaudit, golden):
    before = write_rows(here, ROWS)
    write_rows(here, [Row("cat/1.png", "dog"), *ROWS[1:], Row("dog/9.png", "dog", 0.2, "cat")], method="elr")
    run = labelaudit("compare", before.path.name)
    assert run.exit_code == 0
    golden("compare", run.stdout)
    found = json.loads(labelaudit("compare", str(before.path), "--json").stdout)
    assert [sample["path"] for sample in found["relabelled"]] == ["cat/1.png"]
    assert (found["before"]["suspects"], found["after"]["suspects"]) == (2, 2)
    assert labelaudit("compare", before.path.name, "-q").stdout == "1 new, 1 fixed, 1 remaining\n"
    same = labelaudit("compare", before.path.name, before.path.name)
    assert (same.exit_code, "is both of the audits" in same.stderr) == (2, True)


COMMANDS = {name: command for name, command in typer.main.get_command(app).commands.items() if name != "bench"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_quiet_and_writes_to_output(name):
    flags = {flag for parameter in COMMANDS[name].params for flag in parameter.opts}
    assert {"--quiet", "-q"} <= flags
    shown = {
        flag
        for parameter in COMMANDS[name].params
        if not getattr(parameter, "hidden", False)
        for flag in parameter.opts
    }
    assert "--out" not in shown
    assert name == "train" or "--root" not in shown


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("scan", "--root", "--output"),
        ("train", "--out", "--output"),
        ("predict", "--out", "--output"),
        ("export-model", "--out", "--output"),
        ("reproduce", "--out", "--output"),
    ],
)
def test_old_names_of_options_are_understood_and_not_shown(name, old, new, labelaudit):
    parameters = {flag: each for each in COMMANDS[name].params for flag in each.opts}
    assert parameters[old].hidden
    assert not parameters[new].hidden
    assert old not in re.findall(r"--[\w-]+", labelaudit(name, "--help").stdout) or name == "train"


def test_an_old_name_does_what_the_new_one_does(here, labelaudit):
    for flag in ("--out", "--output"):
        run = labelaudit("predict", "no-model", "photos", flag, "gone/p.csv")
        assert run.exit_code == 3
        assert "no-model" in run.stderr


def test_tables_are_not_wider_than_80_columns_and_break_no_word(here, labelaudit, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    rows = [
        Row(f"longsleeve/{k:04d}-of-many-pictures-with-long-names.jpg", "longsleeve", 0.1, "t-shirt") for k in range(30)
    ]
    rows += [Row(f"t-shirt/{k}.jpg", "t-shirt") for k in range(30)]
    rates = {name: {"rate": 0.2, "low": 0.1, "high": 0.456} for name in ("longsleeve", "t-shirt")}
    pair = {"true": "t-shirt", "given": "longsleeve", "expected": 105.2, "rate": 0.108, "low": 0.1, "high": 0.12}
    witness = {
        "named": {"probe": {"agreement": 0.7, "taught": False, "has_vote": True}},
        "chance": 0.5,
        "proof": None,
        "bar": None,
    }
    write_rows(here, rows, results={"noise_by_class": rates, "confusions": [pair], "witnesses": witness})
    text = labelaudit("show").stdout
    table = text[text.index("Most suspicious") : text.index("Results in")]
    assert max(map(len, table.splitlines())) <= 80
    for word in ("longsleeve", "suspects", "possible", "10.0 to 45.6 %", "labels", "10.8 %", "suggested"):
        assert word in table
    monkeypatch.setenv("COLUMNS", "120")
    wide = labelaudit("show").stdout.splitlines()
    (heading,) = [line for line in wide if line.startswith("Noise per class")]
    assert "Most confused" in heading  # both fit beside each other


def test_a_quiet_verdict_lists_what_is_worth_a_look(here, labelaudit):
    rows = [Row(f"{k}.jpg", "cat" if k % 2 else "dog", 0.999 - k / 1000) for k in range(30)]
    write_rows(here, rows, results={"quiet": True})
    text = labelaudit("show").stdout
    table = text[text.index("Worth a look") : text.index("Results in")]
    assert re.findall(r"(\d+)\.jpg", table) == [str(k) for k in range(29, 19, -1)]


def test_shells_complete_words_of_closed_sets_and_names_of_what_is_there(here):
    write_rows(here, ROWS)
    assert complete.one_of("auto", "cpu", "cuda")("c") == ["cpu", "cuda"]
    assert complete.class_names("d") == ["dog"]
    assert len(complete.audit_names("20")) == 1
    assert "elr+" in complete.method_names("elr")
    assert complete.encoder_names("torch") == ["torchvision:"]
    assert complete.profile_names("") == []
    (here / "labelaudit.toml").write_text("[profiles.strict]\nmax_noise = 0.01\n")
    assert complete.profile_names("s") == ["strict"]


def test_closed_sets_that_help_names_can_be_completed():
    closed = {
        "scan": ["--split", "--quoting", "--recipe", "--method", "--weights", "--encoder", "--device", "--finish"],
        "check": ["--noise-bound", "--rescan", "--format", "--profile"],
        "train": ["--labels", "--method"],
        "export-model": ["--format"],
        "mark": ["--label", "--audit"],
        "review": ["--audit"],
        "audits": ["--remove"],
    }
    for name, flags in closed.items():
        parameters = {flag: each for each in COMMANDS[name].params for flag in each.opts}
        for flag in flags:
            assert parameters[flag]._custom_shell_complete is not None, f"{name} {flag}"


def test_the_help_of_formats_names_what_can_be_completed():
    from labelaudit.gate.formats import FORMATS

    parameters = {flag: each for each in COMMANDS["check"].params for flag in each.opts}
    found = parameters["--format"]._custom_shell_complete(None, None, "")
    assert sorted(getattr(word, "value", word) for word in found) == sorted(FORMATS)
    assert inspect.isfunction(complete.one_of("a"))
