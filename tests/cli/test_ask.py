"""ask, from a shell."""

import json

import pytest
from typer.testing import CliRunner

from labelaudit.cli.app import app
from tests.gate_audit import Row, write_rows

ROWS = [
    *[Row(f"cat/{n}.png", "cat", 0.05 + n / 100, "dog") for n in range(6)],
    *[Row(f"cat/{n}.png", "cat", 0.9 + n / 1000, "dog") for n in range(6, 40)],
    *[Row(f"dog/{n}.png", "dog", 0.95 + n / 10000, "cat") for n in range(40, 80)],
]


@pytest.fixture
def audit(here):
    """An audit of 80 samples with six suspects."""
    return write_rows(here, ROWS, results={"noise_rate": 0.07, "noise_interval": [0.04, 0.12], "noise_by_class": None})


def typed(text, *args):
    return CliRunner().invoke(app, ["ask", *args, "--who", "Ada"], input=text)


def test_questions_are_answered_in_the_terminal(audit):
    run = typed("y\nnonsense\nn\ncat\nq\n", "5")
    assert run.exit_code == 0
    lines = run.stdout.splitlines()
    assert lines[0] == "y the label is right · n it is wrong · or the right class · s skip · q stop"
    assert lines[2].startswith("1 of 5  ")
    assert "'nonsense' is no class" in run.stdout
    assert "3 answers: " in run.stdout
    stored = [json.loads(line) for line in audit.decisions_path.read_text().splitlines()]
    assert [line["verdict"] for line in stored][:2] == ["ok", "wrong"]
    assert stored[2]["verdict"] == ("ok" if stored[2]["given_label"] == "cat" else "wrong")
    assert all(line["who"] == "Ada" and line["asked"] > 0 for line in stored)


def test_the_end_of_the_input_ends_the_questions(audit):
    run = typed("y\n", "5")
    assert run.exit_code == 0
    assert "1 answer: 0 wrong" in run.stdout


def test_the_summary_tells_how_far_people_have_come(audit, labelaudit):
    assert "Looked at" not in labelaudit("show").stdout
    for n in range(6):
        assert labelaudit("mark", f"cat/{n}.png", "--ok", "--why", "seen", "--who", "Ada").exit_code == 0
    shown = labelaudit("show").stdout
    assert "Looked at        6 of 6 suspects looked at, 6 answers in all" in shown
    assert "expected errors left among them 0\n" in shown
    assert "the next 74 looks: 0 to " in shown
    summary = json.loads(labelaudit("show", "--json").stdout)
    assert summary["answers"]["looked_at"] == 6
    assert summary["noise"]["interval"][0] == 0.0


def test_a_table_is_written_and_taken_back(audit, here, labelaudit):
    run = labelaudit("ask", "4", "--write", "q.csv")
    assert run.stdout == "wrote 4 questions to q.csv; answer them, then:\n  labelaudit ask --from q.csv\n"
    (here / "q.csv").write_text((here / "q.csv").read_text().replace(",,", ",y,"))
    run = labelaudit("ask", "--from", "q.csv", "--who", "Ada", "--json")
    found = json.loads(run.stdout)
    assert (found["answered"], found["wrong"], found["answers"]["blind"]) == (4, 0, 4)
    assert found["noise_before"]["rate"] == 0.07


def test_from_and_write_exclude_each_other(audit, labelaudit):
    run = labelaudit("ask", "--from", "a.csv", "--write", "b.csv")
    assert run.exit_code == 2
    assert "--from and --write exclude each other." in run.stderr
