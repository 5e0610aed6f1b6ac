"""Decisions are seen wherever an audit is: tables that people edit, lists, exports; and are taken back whole or not."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import labelaudit
from labelaudit.core.errors import ConfigError, DataError
from tests.gate_audit import Row, write_pictures, write_rows
from tests.mended import decide

ROWS = [
    Row("cat/1.png", "cat", 0.1, "dog"),
    Row("cat/2.png", "cat", 0.2, "dog"),
    Row("dog/3.png", "dog", 0.3, "elk"),
    Row("dog/4.png", "dog"),
    Row("elk/5.png", "elk"),
]


@pytest.fixture
def audit(tmp_path, monkeypatch):
    """Three suspects of five, with pictures."""
    monkeypatch.chdir(tmp_path)
    return write_rows(tmp_path, write_pictures(tmp_path / "photos", ROWS))


def edited(path, **cells):
    """Fill cells of some rows in: sample id -> {column: text}."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("sample_id", drop=False)
    for sample, values in cells["rows"].items():
        for name, text in values.items():
            frame.loc[sample, name] = text
    frame.to_csv(path, index=False, sep=cells.get("sep", ","), encoding=cells.get("encoding", "utf-8"))


@pytest.mark.parametrize(("sep", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), (";", "utf-16")])
def test_an_edited_table_of_suspects_is_read_back(audit, tmp_path, sep, encoding):
    (path,) = labelaudit.export(audit, "suspect.csv", output=tmp_path)
    rows = {
        "cat/1.png": {"decision": "ok", "note": "a cat", "reviewer": "bob"},
        "cat/2.png": {"decision": "Wrong", "label": "elk"},
        "dog/3.png": {"decision": "accept"},
    }
    edited(path, rows=rows, sep=sep, encoding=encoding)
    imported = labelaudit.import_(path, audit=audit, who="ann")
    told = [(known.path, known.decision, known.label, known.who) for known in imported.decisions]
    assert told == [
        ("cat/1.png", "ok", "", "bob"),
        ("cat/2.png", "wrong", "elk", "ann"),
        ("dog/3.png", "wrong", "elk", "ann"),
    ]
    frame = labelaudit.load(audit.path).decisions
    assert frame["sample_id"].tolist() == ["cat/1.png", "cat/2.png", "dog/3.png"]
    assert frame["why"].tolist() == ["a cat", "decided in suspect.csv", "decided in suspect.csv"]
    assert labelaudit.import_(path, audit=audit).unchanged == 3
    (full,) = labelaudit.export(audit, "suspect.jsonl", output=tmp_path)
    assert labelaudit.import_(full, audit=audit).decisions == ()


def test_lines_that_do_not_fit_are_listed_and_none_is_recorded(audit, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(
        "sample_id,given_label,decision,label\n"
        "cat/1.png,cat,ok,\n"
        "cat/9.png,cat,ok,\n"
        "cat/2.png,dog,ok,\n"
        "dog/3.png,dog,maybe,\n"
        "dog/4.png,dog,wrong,dgo\n"
        "elk/5.png,elk,ok,cat\n"
        "elk/5.png,elk,wrong,elk\n"
        "elk/5.png,elk,drop,cat\n"
        "elk/5.png,elk,accept,\n"
        ",elk,ok,\n"
    )
    with pytest.raises(DataError) as caught:
        labelaudit.import_(path, audit=audit)
    text = caught.value.problem
    for line in (
        "line 3: no sample is 'cat/9.png'",
        "line 4: 'cat/2.png' is labelled 'cat' in the audit, not 'dog'",
        "line 5: decision 'maybe', expected ok, wrong, accept, drop or ambiguous",
        "line 6: 'dgo' is no class of the audit; did you mean 'dog'?",
        "line 7: ok, and yet another label: 'cat'",
        "line 8: wrong, and yet the given label: 'elk'",
        "line 9: drop, and yet a label: 'cat'",
        "line 10: nothing is suggested",
        "line 11: no sample is named",
    ):
        assert line in text
    assert "9 decisions do not fit, and none is recorded" in text
    assert not audit.decisions_path.exists()


def test_a_table_without_decisions_is_told(audit, tmp_path):
    (tmp_path / "d.csv").write_text("name,colour\n1,red\n")
    with pytest.raises(DataError, match="no columns of decisions; columns: name, colour"):
        labelaudit.import_(tmp_path / "d.csv", audit=audit)


def test_a_new_class_must_be_asked_for_and_is_known_then(audit):
    with pytest.raises(ConfigError, match="--new-class takes it as a new one"):
        labelaudit.mark(["cat/1.png"], verdict="wrong", label="fox", why="a fox", audit=audit)
    labelaudit.mark(["cat/1.png"], verdict="wrong", label="fox", why="a fox", audit=audit, new_class=True)
    labelaudit.mark(["cat/2.png"], verdict="wrong", label="fox", why="a fox", audit=audit)
    frame = labelaudit.load(audit.path).findings.set_index("sample_id")
    assert frame.loc[["cat/1.png", "cat/2.png"], "suggested_label"].tolist() == ["fox", "fox"]


def test_patterns_mark_many_samples(audit):
    marked = labelaudit.mark(["cat/*", "dog/[3].png"], verdict="ok", why="all fine", audit=audit)
    assert [known.path for known in marked.decisions] == ["cat/1.png", "cat/2.png", "dog/3.png"]
    with pytest.raises(ConfigError, match=r"has no sample 'cow/\*'"):
        labelaudit.mark(["cow/*"], verdict="ok", why="x", audit=audit)


def test_suspects_show_what_was_decided_and_what_is_left(audit):
    decide(audit, "cat/1.png", decision="ok")
    decide(audit, "cat/2.png", "elk")
    shown = labelaudit.show(audit, top=10)
    assert [row["sample_id"] for row in shown["suspects"]] == ["cat/2.png", "dog/3.png"]
    assert (shown["of"], shown["decided"]) == (2, 1)
    assert shown["suspects"][0]["decided"] == {"decision": "wrong", "label": "elk"}
    summary = labelaudit.show(audit)
    assert [row["sample_id"] for row in summary["worst"]] == ["dog/3.png"]
    assert summary["answers"]["looked_at"] == 2
    assert labelaudit.load(audit.path).suspects["sample_id"].tolist() == ["cat/2.png", "dog/3.png"]


def test_suspects_are_chosen_by_class_and_by_pair(audit):
    assert [row["sample_id"] for row in labelaudit.show(audit, label="dog")["suspects"]] == ["dog/3.png"]
    assert [row["sample_id"] for row in labelaudit.show(audit, pair=("cat", "dog"), top=1)["suspects"]] == ["cat/1.png"]
    assert labelaudit.show(audit, pair=("cat", "elk"))["suspects"] == []
    with pytest.raises(ConfigError, match="'cow' is not a class of the audit"):
        labelaudit.show(audit, label="cow")


def test_a_sample_shows_all_that_is_known_of_it(audit, tmp_path):
    decide(audit, "cat/1.png", decision="ok", why="a cat")
    decide(audit, "cat/1.png", "dog", why="a dog after all")
    found = labelaudit.show(audit, "cat/1.png")
    assert found["file"] == "photos/cat/1.png"
    assert (found["given_label"], found["suggested_label"]) == ("cat", "dog")
    assert [(each["decision"], each["label"], each["why"]) for each in found["decisions"]] == [
        ("ok", "", "a cat"),
        ("wrong", "dog", "a dog after all"),
    ]
    assert json.loads(json.dumps(found))["rank"] == 1
    assert labelaudit.show(audit, "5.png")["sample_id"] == "elk/5.png"
    with pytest.raises(ConfigError, match=r"has no sample 'cat/11.png'"):
        labelaudit.show(audit, "cat/11.png")


def test_the_table_for_people_opens_says_why_and_leaves_decisions_empty(audit, tmp_path):
    (path,) = labelaudit.export(audit, "suspect.csv", output=tmp_path / "out")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert frame.columns.tolist() == [
        *("rank", "path", "given_label", "suggested_label", "suggested_prob", "clean_prob", "tier", "why"),
        *("alternatives", "decision", "label", "note", "reviewer", "sample_id"),
    ]
    assert [(tmp_path / "out" / name).resolve().is_file() for name in frame["path"]] == [True] * 3
    assert frame["path"][0] == "../photos/cat/1.png"
    assert frame["suggested_prob"].tolist() == ["0.90", "0.80", "0.70"]
    assert frame["why"][0] == "looks like dog, hardly like cat"
    assert frame[["decision", "label", "note", "reviewer"]].to_numpy().tolist() == [[""] * 4] * 3
    decide(audit, "cat/2.png", "elk", why="antlers")
    (path,) = labelaudit.export(audit, "suspect.csv", output=tmp_path / "out")
    row = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("sample_id").loc["cat/2.png"]
    assert [row[name] for name in ("decision", "label", "note", "reviewer")] == ["wrong", "elk", "antlers", "ann"]


def test_a_table_that_somebody_edited_is_not_written_over(audit, tmp_path):
    (path,) = labelaudit.export(audit, "suspect.csv", output=tmp_path)
    labelaudit.export(audit, "suspect.csv", output=tmp_path)
    edited(path, rows={"cat/1.png": {"decision": "ok"}})
    mine = path.read_bytes()
    with pytest.raises(ConfigError, match=r"suspect\.csv exists and was changed since it was exported"):
        labelaudit.export(audit, "all.csv", "suspect.csv", output=tmp_path)
    assert path.read_bytes() == mine
    assert not (tmp_path / "all.csv").exists()
    (tmp_path / "clean.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"clean\.csv exists and was not written by labelaudit export"):
        labelaudit.export(audit, "clean.csv", output=tmp_path)
    labelaudit.export(audit, "suspect.csv", "clean.csv", output=tmp_path, overwrite=True)
    assert path.read_bytes() != mine


def test_a_label_known_to_be_wrong_is_in_no_corrected_table(audit, tmp_path):
    decide(audit, "cat/2.png")
    (path,) = labelaudit.export(audit, "relabeled.csv", output=tmp_path)
    assert path.name == "relabeled.csv"
    frame = pd.read_csv(path).set_index("sample_id")
    assert "cat/2.png" not in frame.index
    assert len(frame) == 4


def test_the_corrected_data_is_exported_in_its_own_form(audit, tmp_path):
    (out,) = labelaudit.export(audit, "relabelled", output=tmp_path)
    assert out == tmp_path / "photos-corrected"
    assert (out / "dog/1.png").read_bytes() == (tmp_path / "photos/cat/1.png").read_bytes()


def test_a_workbook_has_pictures_links_and_choices(audit, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    (path,) = labelaudit.export(audit, "suspect.xlsx", output=tmp_path)
    sheet = openpyxl.load_workbook(path).active
    assert len(sheet._images) == 3
    header = [cell.value for cell in sheet[1]]
    first = dict(zip(header, sheet[2], strict=True))
    assert first["path"].hyperlink.target == "photos/cat/1.png"
    assert first["clean_prob"].value == 0.1
    assert sheet.data_validations.dataValidation[0].formula1 == '"ok,wrong,accept,drop,ambiguous"'
    sheet.cell(2, header.index("decision") + 1).value = "ok"
    sheet.parent.save(tmp_path / "edited.xlsx")
    pytest.importorskip("python_calamine")
    (known,) = labelaudit.import_(tmp_path / "edited.xlsx", audit=audit).decisions
    assert (known.path, known.decision) == ("cat/1.png", "ok")


def test_a_baseline_counts_the_decisions_that_are_new(audit, tmp_path):
    decide(audit, "cat/1.png", decision="ok")
    assert labelaudit.baseline(audit, output=tmp_path / "b.tsv").change.decided == 1
    assert labelaudit.baseline(audit, output=tmp_path / "b.tsv").change.decided == 0
