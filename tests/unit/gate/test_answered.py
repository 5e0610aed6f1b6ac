"""An audit as people's answers leave it."""

from __future__ import annotations

import json
import os
import re
import time

import numpy as np
import pytest

from labelaudit.api.ask import Answer, ask, parse_answer, take_answers, write_questions
from labelaudit.api.baseline import baseline
from labelaudit.api.check import check
from labelaudit.api.export import decided_findings
from labelaudit.api.load import load
from labelaudit.api.mark import mark
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.gate.columns import read_columns
from labelaudit.judging.asking import weighed_rate
from tests.gate_audit import Row, write_rows

N = 600


def hard_labels(*, rate=0.2, seed=0):
    """Return rows of two classes, and which labels are wrong; the audit finds only the blatant half of them."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(N) < rate
    against = np.where(wrong, 1.0, -3.5) + rng.normal(0, 1.2, N)
    clean_prob = 1 / (1 + np.exp(against - 1.5))
    labels = np.where(rng.random(N) < 0.5, "cat", "dog")
    rows = [
        Row(f"{label}/{i}.png", label, float(np.float32(p)), "dog" if label == "cat" else "cat")
        for i, (label, p) in enumerate(zip(labels, clean_prob, strict=True))
    ]
    return rows, wrong


@pytest.fixture
def audit(tmp_path, monkeypatch):
    """An audit that puts too few labels down as wrong, and the truth by sample id."""
    monkeypatch.chdir(tmp_path)
    rows, wrong = hard_labels()
    results = {"noise_rate": 0.08, "noise_interval": [0.05, 0.12], "noise_by_class": None}
    written = write_rows(tmp_path, rows, results=results)
    return written, dict(zip([row.path for row in rows], wrong.tolist(), strict=True))


def truthful(truth):
    return lambda question: Answer("wrong" if truth[question.sample_id] else "ok")


def frozen(audit):
    """Return the bytes of all files that answers must not change."""
    return {
        file.name: file.read_bytes() for file in audit.path.iterdir() if file.is_file() and "decis" not in file.name
    }


def test_answers_correct_the_rate_and_everything_tells_the_same(audit):
    written, truth = audit
    before = frozen(written)
    asked = ask(60, answer=truthful(truth), audit=written, who="Ada")
    share = np.mean(list(truth.values()))
    low, high = asked.noise["interval"]
    assert abs(asked.noise["rate"] - share) < 0.06 < abs(asked.noise_before["rate"] - share)
    assert frozen(written) == before
    loaded = load(written.path)
    assert loaded.summary["noise"] == asked.noise
    report = check(written.path)
    assert (report.noise.rate, report.noise.low, report.noise.high) == pytest.approx(
        (asked.noise["rate"], low, high), abs=1e-5
    )
    shown, exported = loaded.findings, decided_findings(loaded)
    assert (shown["action"] == exported["action"]).all()
    assert report.suspects == loaded.summary["suspects"]
    wrong = np.array([truth[name] for name in shown["sample_id"]])
    flagged = (shown["action"] != "keep").to_numpy()
    assert 2 * (flagged & wrong).sum() / (flagged.sum() + wrong.sum()) > 0.9


def test_a_few_marks_move_the_rate_a_little(audit):
    written, _ = audit
    worst = load(written.path).suspects["sample_id"][0]
    mark([worst], verdict="wrong", why="seen", who="Ada", audit=written)
    rate = load(written.path).summary["noise"]["rate"]
    assert abs(rate - 0.08) < 0.01


def test_marking_all_suspects_right_turns_the_gate_green(audit):
    written, _ = audit
    suspects = load(written.path).suspects["sample_id"].tolist()
    assert len(suspects) > 20
    assert not check(written.path, overrides={"max_noise": "0.02", "max_suspects": "0"}).passed
    mark(suspects, verdict="ok", why="seen", who="Ada", audit=written)
    now = load(written.path).summary
    assert now["noise"]["rate"] < 0.04
    assert now["noise"]["interval"][0] == 0.0
    assert now["suspects"] == 0
    assert now["answers"]["looked_at"] == len(suspects)
    assert check(written.path, overrides={"max_noise": "0.02", "max_suspects": "0"}).passed


def test_the_decisions_of_a_baseline_count_in_the_next_audit(audit, tmp_path):
    written, _ = audit
    baseline(written)
    suspects = load(written.path).suspects["sample_id"].tolist()
    mark(suspects, verdict="ok", why="seen", who="Ada", audit=written)
    again = write_rows(tmp_path, hard_labels()[0], results={"noise_rate": 0.08, "noise_interval": [0.05, 0.12]})
    assert not again.decisions_path.exists()
    assert load(again.path).summary["noise"]["rate"] < 0.04
    assert check(again.path).noise.rate < 0.04


def test_marks_alone_flag_nothing_new(audit):
    written, truth = audit
    before = set(load(written.path).suspects["sample_id"])
    for name in sorted(before):
        mark([name], verdict="wrong" if truth[name] else "ok", why="seen", who="Ada", audit=written)
    assert set(load(written.path).suspects["sample_id"]) <= before


def test_an_answer_is_stored_with_the_probability_of_its_draw(audit):
    written, truth = audit
    ask(15, answer=truthful(truth), audit=written, who="Ada")
    lines = [json.loads(line) for line in written.decisions_path.read_text().splitlines()]
    assert len(lines) == 15
    assert all(0.15 / N <= line["asked"] < 1 for line in lines)
    assert {line["who"] for line in lines} == {"Ada"}
    assert len(read_decisions(written).asked) == 15
    by_lot = weighed_rate(
        np.full(15, 0.08),
        np.array([truth[line["sample_id"]] for line in lines]),
        np.array([line["asked"] for line in lines]),
        mean_expected=0.08,
        n_open=N,
    )
    assert 0 <= by_lot.low <= by_lot.high <= 1


def test_skipped_questions_are_not_recorded_and_not_asked_again(audit):
    written, _ = audit
    seen = []

    def skip(question):
        seen.append(question.sample_id)
        return Answer("skip") if len(seen) < 25 else None

    asked = ask(30, answer=skip, audit=written, who="Ada")
    assert (asked.answered, asked.skipped, len(set(seen))) == (0, 24, 25)
    assert not written.decisions_path.exists()


def test_questions_go_to_a_table_and_come_back_answered(audit, tmp_path):
    written, truth = audit
    assert write_questions(tmp_path / "q.csv", 40, audit=written) == 40
    head, *lines = (tmp_path / "q.csv").read_text().splitlines()
    assert head == "sample_id,path,given_label,suggested_label,answer,asked"
    filled = []
    for number, line in enumerate(lines):
        name, path, given, other, _, asked = line.split(",")
        said = "" if number == 0 else (other if truth[name] else "yes")
        filled.append(f"{name},{path},{given},{other},{said},{asked}")
    (tmp_path / "a.csv").write_text("\n".join([head, *filled]) + "\n")
    taken = take_answers(tmp_path / "a.csv", audit=written, who="Ada")
    assert (taken.answered, taken.skipped) == (39, 1)
    assert taken.answers["blind"] == 39
    low, high = taken.noise["interval"]
    assert low <= np.mean(list(truth.values())) <= high
    suspects = load(written.path).findings.set_index("sample_id")
    wrong = [line.split(",") for line in filled[1:] if truth[line.split(",")[0]]]
    assert wrong
    assert all(suspects.loc[name, "suggested_label"] == other for name, _, _, other, *_ in wrong)


def test_names_that_are_formulas_go_out_harmless_and_come_back(tmp_path):
    names = ["=cat/1.png", "a;=1+1", "-dog.png", "'+2.png"]
    classes = ("@cat", "dog")
    rows = [Row(name, classes[k % 2], 0.3, classes[(k + 1) % 2]) for k, name in enumerate(names)]
    written = write_rows(tmp_path, rows)
    assert write_questions(tmp_path / "q.csv", 4, audit=written) == 4
    lines = (tmp_path / "q.csv").read_text().splitlines()
    assert not any(re.search(r"(^|[,;])[=@+-]", line) for line in lines)
    assert "'@cat" in lines[1] + lines[2]
    (tmp_path / "q.csv").write_text("\n".join([lines[0], *(line.replace(",,", ",y,") for line in lines[1:])]))
    assert take_answers(tmp_path / "q.csv", audit=written).answered == 4


@pytest.mark.parametrize("asked", [None, "2", "-1", "inf", "nan", "0", "x", "9" * 400])
def test_answers_without_a_probability_are_of_chosen_samples_and_not_blind(audit, tmp_path, asked):
    written, _ = audit
    name = load(written.path).findings["sample_id"][0]
    table = f"sample_id,answer\n{name},y\n" if asked is None else f"sample_id,answer,asked\n{name},y,{asked}\n"
    (tmp_path / "a.csv").write_text(table)
    assert take_answers(tmp_path / "a.csv", audit=written, who="Ada").answers["blind"] == 0


def test_answers_are_not_waited_for_at_a_pipe(audit, tmp_path):
    written, _ = audit
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(DataError, match="it is no file, but a pipe"):
        take_answers(tmp_path / "a.csv", audit=written)


def test_a_table_that_makes_no_sense_is_refused_and_nothing_recorded(audit, tmp_path):
    written, _ = audit
    first, second = load(written.path).findings["sample_id"][:2]
    (tmp_path / "a.csv").write_text(f"sample_id,answer\nnobody,y\n{first},dgo\n{second},y\n")
    with pytest.raises(DataError, match=r"line 2: no sample 'nobody', line 3: 'dgo' is no class; did you mean 'dog'\?"):
        take_answers(tmp_path / "a.csv", audit=written)
    (tmp_path / "b.csv").write_text("path,answer\nx,y\n")
    with pytest.raises(DataError, match=r"b\.csv: no column 'sample_id'; columns: path, answer\."):
        take_answers(tmp_path / "b.csv", audit=written)
    with pytest.raises(ConfigError, match=r"0 questions are none\."):
        ask(0, answer=lambda _: None, audit=written)
    assert not written.decisions_path.exists()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("y", Answer("ok")),
        (" Yes\n", Answer("ok")),
        ("n", Answer("wrong")),
        ("", Answer("skip")),
        ("dog", Answer("wrong", "dog")),
        ("DOG", Answer("wrong", "dog")),
        ("cat", Answer("ok")),
        ("=n", Answer("wrong", "n")),
        ("1", Answer("wrong", "1")),
    ],
)
def test_what_an_answer_means(text, meant):
    assert parse_answer(text, given="cat", classes=("cat", "dog", "n", "1")) == meant


def test_a_table_of_a_hundred_thousand_is_judged_in_a_moment(tmp_path, monkeypatch):
    from labelaudit.gate.answered import decided_rows, standing

    monkeypatch.chdir(tmp_path)
    rows, _ = hard_labels()
    written = write_rows(tmp_path, rows, results={"noise_rate": 0.08, "noise_interval": [0.05, 0.12]})
    columns = read_columns(written.findings_path)
    mark([rows[0].path], verdict="ok", why="seen", who="Ada", audit=written)
    decisions = read_decisions(written)
    start = time.process_time()
    standing(written, columns, decided_rows(columns, decisions.known), decisions)
    assert time.process_time() - start < 2.0


def test_a_pass_of_an_audit_that_cannot_tell_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [Row(f"{i}.png", "ab"[i % 2], 0.9) for i in range(40)]
    doubts = [{"kind": "not-learnt", "classes": [], "text": "the witnesses know too little"}]
    write_rows(tmp_path, rows, results={"noise_interval": [0.0, 0.6], "doubts": doubts})
    report = check()
    assert report.passed
    assert any("a pass does not say that they are right" in note for note in report.notes)
