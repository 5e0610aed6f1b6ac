import labelaudit
from labelaudit.core.decisions import Known
from labelaudit.exports.decided import with_decisions
from labelaudit.exports.tables import select
from tests.gate_audit import Row, write_rows
from tests.pets import small_findings


def decided(*known):
    return with_decisions(small_findings(), {each.key: each for each in known})


def test_without_decisions_nothing_changes():
    assert "decision" not in decided().columns


def test_a_label_called_right_is_no_suspect_and_is_kept():
    frame = decided(Known("h1", "dog", "ok"))
    assert frame.loc[1, ["action", "decision"]].tolist() == ["keep", "ok"]
    assert frame["decision"].tolist() == ["", "ok", "", "", "", ""]
    assert "b.png" not in select(frame, "suspect")["sample_id"].tolist()
    assert "b.png" in select(frame, "clean")["sample_id"].tolist()
    corrected = select(frame, "relabelled").set_index("sample_id")
    assert (corrected.loc["b.png", "label"], bool(corrected.loc["b.png", "changed"])) == ("dog", False)


def test_the_right_label_of_a_wrong_one_is_taken():
    frame = decided(Known("h1", "dog", "wrong", label="elk"))
    assert frame.loc[1, ["action", "suggested_label"]].tolist() == ["relabel", "elk"]
    corrected = select(frame, "relabelled").set_index("sample_id")
    assert (corrected.loc["b.png", "label"], bool(corrected.loc["b.png", "changed"])) == ("elk", True)


def test_a_wrong_label_without_the_right_one_awaits_review_and_is_in_no_corrected_table():
    frame = decided(Known("h1", "dog", "wrong"))
    assert frame.loc[1, "action"] == "review"
    assert select(frame, "relabelled")["sample_id"].tolist() == ["a.png", "c.png", "d.png", "blank.png"]


def test_a_decision_holds_for_the_label_it_was_made_on():
    assert decided(Known("h1", "cat", "ok"))["decision"].tolist() == [""] * 6


def test_export_obeys_the_decisions_of_the_audit(tmp_path):
    audit = write_rows(tmp_path, [Row("cat/1.png", "cat", 0.1, "dog"), Row("cat/2.png", "cat", 0.2, "dog")])
    (before,) = labelaudit.export(audit, "suspect.csv", output=tmp_path)
    assert len(before.read_text().splitlines()) == 3
    labelaudit.mark(["cat/1.png"], verdict="ok", why="a cat", audit=tmp_path)
    (after,) = labelaudit.export(audit, "suspect.csv", output=tmp_path)
    _, row = after.read_text().splitlines()
    assert row.endswith(",cat/2.png")
    (after,) = labelaudit.export(audit, "suspect.jsonl", output=tmp_path)
    assert '"decision": ""' in after.read_text()
