"""Audits that version 0.1 wrote, of a small table and of twelve photos: every command still opens them."""

import json
import shutil
from pathlib import Path

import pytest

import labelaudit
from labelaudit.api.baseline import baseline
from labelaudit.api.judge import judge
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import read_decisions
from labelaudit.core.summary import summarise

STORED = Path(__file__).parents[1] / "stored"
SAMPLES = {"table": 60, "photos": 12}


@pytest.fixture(params=SAMPLES)
def audit(request, tmp_path):
    """An audit in the folder that its commands expect, beside its data; without the networks, which are large."""
    kind = request.param
    name = json.loads((STORED / kind / "audit" / "audit.json").read_text())["name"]
    shutil.copytree(STORED / kind, tmp_path / kind, ignore=shutil.ignore_patterns("audit"))
    shutil.copytree(STORED / kind / "audit", tmp_path / kind / ".labelaudit" / "audits" / name)
    return labelaudit.load(tmp_path / kind / ".labelaudit" / "audits" / name)


def test_its_evidence_is_judged_as_it_was(audit):
    again = judge(audit)
    assert again.findings.equals(audit.findings)
    assert again.meta["results"]["noise_rate"] == pytest.approx(audit.meta["results"]["noise_rate"], rel=1e-6)


def test_its_findings_are_those_of_every_sample(audit):
    assert len(audit.findings) == SAMPLES[audit.home.parent.name]
    assert set(audit.findings["action"]) <= {"keep", "relabel", "review"}


def test_a_decision_on_it_is_kept_under_the_word_of_the_file(audit):
    sample = audit.findings["sample_id"][0]
    labelaudit.mark([sample], verdict="ok", why="looked at", who="someone", audit=audit.path)
    line = json.loads(audit.decisions_path.read_text().splitlines()[-1])
    assert (line["verdict"], "decision" in line) == ("ok", False)
    (known,) = read_decisions(Audit(audit.path)).known.values()
    assert (known.decision, known.why) == ("ok", "looked at")


def test_it_is_shown_exported_and_held_against_the_limits_of_the_gate(audit, tmp_path):
    summary = summarise(audit.meta, audit.findings)
    suspects = int((audit.findings["action"] != "keep").sum())
    assert (summary["samples"], summary["suspects"]) == (len(audit.findings), suspects)
    (table,) = labelaudit.export(audit, "all.csv", output=tmp_path)
    assert len(table.read_text().splitlines()) == len(audit.findings) + 1
    before = labelaudit.check(audit, ignore_settings=True)
    assert before.suspects == suspects
    baseline(audit, output=tmp_path / "known.tsv")
    after = labelaudit.check(audit, baseline=tmp_path / "known.tsv", ignore_settings=True)
    assert (after.suspects, after.known) == (suspects, suspects)
