import json

import pytest

from labelaudit.api.mark import mark
from labelaudit.core.decisions import read_decisions
from labelaudit.review.desk import About, Who
from labelaudit.review.orders import Wanted
from tests.gate_audit import Row, write_rows
from tests.review_desk import ROWS, open_desk, rows_of, write_audit

ANN, BEN = Who("Ann", "a"), Who("Ben", "b")


@pytest.fixture
def audit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_audit(tmp_path)


def about(items):
    return [About(item["row"], item["version"]) for item in items]


def test_two_tabs_get_different_samples_until_one_is_closed(audit):
    with open_desk(audit) as desk:
        first = desk.queue(Wanted(), ANN, after=-1, n=2)
        other = desk.queue(Wanted(), Who("Ann", "c"), after=-1, n=2)
        assert (rows_of(first), rows_of(other)) == ([0, 1], [2, 3])
        desk.release("a")
        assert rows_of(desk.queue(Wanted(), BEN, after=-1, n=2)) == [0, 1]


def test_what_was_skipped_comes_again_from_the_beginning(audit):
    with open_desk(audit) as desk:
        first = desk.queue(Wanted(), ANN, after=-1, n=2)
        desk.decide(about(first["items"][1:]), "keep", ANN)
        rest = desk.queue(Wanted(), ANN, after=first["after"], n=10)
        assert rows_of(rest) == [2, 3, 4, 5]
        again = desk.queue(Wanted(), ANN, after=-1, n=10)
        assert rows_of(again) == [0, 2, 3, 4, 5]


def test_a_decision_on_what_somebody_else_decided_meanwhile_is_not_recorded(audit):
    with open_desk(audit) as desk:
        seen = desk.queue(Wanted(), ANN, after=-1, n=1)["items"]
        desk.decide(about(seen), "drop", BEN)
        taken = desk.decide(about(seen), "keep", ANN)
        assert (taken.recorded, taken.conflicts) == ((), (0,))
        now = desk.item(0, ANN)
        assert [(each["who"], each["choice"]) for each in now["others"]] == [("Ben", "drop")]
        assert desk.decide(about([now]), "keep", ANN).recorded == (0,)


def test_undo_puts_back_what_this_person_had_said_and_leaves_others_alone(audit):
    with open_desk(audit) as desk:
        desk.decide(about([desk.item(0, BEN)]), "drop", BEN)
        first = desk.decide(about([desk.item(0, ANN)]), "keep", ANN)
        second = desk.decide(about([desk.item(0, ANN)]), "accept", ANN)
        assert desk.item(0, ANN)["mine"]["label"] == "dog"
        assert desk.undo(second.step, BEN) is None  # not theirs
        assert desk.undo(second.step, ANN) == (0,)
        assert desk.item(0, ANN)["mine"]["choice"] == "keep"
        assert desk.undo(first.step, ANN) == (0,)
        assert desk.item(0, ANN)["mine"] is None
        assert desk.undo(first.step, ANN) is None  # once is enough
        (known,) = read_decisions(audit).known.values()
        assert (known.who, known.kind) == ("Ben", "drop")


def test_a_sample_that_was_taken_back_is_open_again_to_every_reader(audit):
    with open_desk(audit) as desk:
        taken = desk.decide(about([desk.item(0, ANN)]), "keep", ANN)
        desk.undo(taken.step, ANN)
        assert rows_of(desk.queue(Wanted(), ANN, after=-1, n=1)) == [0]
    assert read_decisions(audit).known == {}
    assert [json.loads(line)["verdict"] for line in audit.decisions_path.read_text().splitlines()] == ["ok", "open"]


def test_many_are_decided_and_taken_back_with_one_stroke_even_after_a_restart(audit):
    with open_desk(audit) as desk:
        page = desk.page(Wanted("pair", "cat", "dog"), ANN, start=-1, n=60)
        taken = desk.decide(about(page["items"]), "accept", ANN)
        assert taken.recorded == (0, 1)
    with open_desk(audit) as desk:
        (step,) = desk.last_steps(ANN)
        assert step == {"step": taken.step, "rows": [0, 1]}
        assert desk.undo(step["step"], ANN) == (0, 1)
        assert desk.last_steps(ANN) == []
        assert rows_of(desk.page(Wanted("pair", "cat", "dog"), ANN, start=-1, n=60)) == [0, 1]


def test_a_stroke_is_one_sync(audit, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr("labelaudit.core.files.os.fsync", synced.append)
    with open_desk(audit) as desk:
        desk.decide([About(row, 0) for row in range(4)], "keep", ANN)
    assert len(synced) == 2  # the file, and the folder that names it


def test_what_mark_records_meanwhile_is_seen(audit):
    with open_desk(audit) as desk:
        assert rows_of(desk.queue(Wanted(), ANN, after=-1, n=1)) == [0]
        mark(["cat/1.png"], verdict="ok", why="a cat", who="Cy", audit=audit)
        assert rows_of(desk.queue(Wanted(), ANN, after=-1, n=1)) == [1]
        assert desk.item(0, ANN)["others"][0]["who"] == "Cy"


def test_a_line_that_another_program_has_not_finished_waits(audit):
    with open_desk(audit) as desk:
        desk.decide([About(0, 0)], "keep", ANN)
        line = audit.decisions_path.read_bytes()
        with audit.decisions_path.open("ab") as file:
            file.write(line[:50])
        assert desk.state(ANN)["version"] == 1
        with audit.decisions_path.open("ab") as file:
            file.write(line[50:])
        assert desk.state(ANN)["version"] == 2


def test_a_line_that_a_crash_cut_off_costs_that_line_alone(audit):
    with open_desk(audit) as desk:
        desk.decide([About(0, 0)], "keep", ANN)
        with audit.decisions_path.open("ab") as file:
            file.write(b'{"schema": 1, "verd')
        desk.decide([About(1, 0)], "keep", ANN)
        assert rows_of(desk.queue(Wanted(), ANN, after=-1, n=1)) == [2]
    assert len(read_decisions(audit).known) == 2


def test_second_looks_are_at_what_others_decided_and_disagreements_are_named(audit):
    with open_desk(audit) as desk:
        desk.decide([About(0, 0), About(1, 0)], "keep", ANN)
        assert rows_of(desk.queue(Wanted("second"), ANN, after=-1, n=9)) == []
        second = desk.queue(Wanted("second"), BEN, after=-1, n=9)
        assert rows_of(second) == [0, 1]
        desk.decide(about(second["items"][:1]), "keep", BEN)
        desk.decide(about(second["items"][1:]), "accept", BEN)
        assert rows_of(desk.queue(Wanted("disagreement"), ANN, after=-1, n=9)) == [1]
        state = desk.state(ANN)
        assert state["agreement"] == [{"first": "Ann", "second": "Ben", "both": 2, "alike": 1}]
        assert (state["disagreements"], state["second"], state["reviewers"]) == (1, 0, ["Ann", "Ben"])


def test_equal_contents_under_one_label_are_decided_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [Row("cat/1.png", "cat", 0.1, "dog", content="aa"), Row("cat/2.png", "cat", 0.2, "dog", content="aa")]
    with open_desk(write_rows(tmp_path, [*rows, Row("dog/3.png", "dog", 0.3, "cat", content="aa")])) as desk:
        desk.decide([About(0, 0)], "accept", ANN)
        assert rows_of(desk.queue(Wanted(), ANN, after=-1, n=9)) == [2]


def test_questions_are_recorded_with_the_probability_of_their_draw(audit):
    with open_desk(audit) as desk:
        drawn = desk.questions(ANN, without=[])["items"]
        assert sorted(item["row"] for item in drawn) == [0, 1, 2, 3, 4, 5]
        desk.decide(about(drawn[:1]), "keep", ANN, is_question=True)
        desk.decide(about(drawn[1:2]), "keep", ANN)
        assert rows_of(desk.questions(ANN, without=[item["row"] for item in drawn])) == []
    asked = read_decisions(audit).asked
    assert list(asked) == [desk._book.key(drawn[0]["row"])]
    assert 0 < next(iter(asked.values())) < 1


def test_progress_follows_and_says_what_is_left(audit):
    with open_desk(audit) as desk:
        assert desk._reckoner.standing() is not None
        before = desk.progress(ANN)["progress"]
        assert (before["looked_at"], before["suspects"], before["next"]["looks"]) == (0, 4, 6)
        assert before["errors_left"]["low"] <= before["errors_left"]["expected"] <= before["errors_left"]["high"]
        desk.decide([About(row, 0) for row in range(4)], "keep", ANN)
        desk._reckoner.settle(len(desk._book))
        after = desk.progress(ANN)
        assert (after["suspects_open"], after["progress"]["looked_at"], after["progress"]["answers"]) == (0, 4, 4)
        assert after["progress"]["errors_left"]["expected"] < before["errors_left"]["expected"]


def test_samples_that_could_not_be_read_or_are_trusted_are_never_asked_about(tmp_path, monkeypatch):
    from labelaudit.core.dataset import SetAside

    monkeypatch.chdir(tmp_path)
    aside = [SetAside("cat/x.png", "cat/x.png", "cat", "unreadable", "damaged")]
    with open_desk(write_rows(tmp_path, ROWS, set_aside=aside)) as desk:
        assert not desk.has_row(6)
        assert not desk.has_row(-1)
        assert rows_of(desk.queue(Wanted(), ANN, after=-1, n=99)) == [0, 1, 2, 3, 4, 5]
