"""A finished audit under other thresholds."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.api.judge import judge
from labelaudit.api.scan import scan
from labelaudit.api.update import update
from labelaudit.core.audits import find_audit
from labelaudit.core.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Return a finished audit of a table with wrong labels, a trusted row and a row without a label."""
    folder = tmp_path_factory.mktemp("judged")
    rng = np.random.default_rng(0)
    label = np.arange(240) % 3
    values = rng.normal(size=(240, 3)) + np.eye(3)[label] * 3
    given = np.where(rng.random(240) < 0.15, (label + 1) % 3, label)
    frame = pd.DataFrame(values, columns=list("abc")).assign(label=[f"c{number}" for number in given])
    frame["trusted"] = [True] + [False] * 239
    frame.loc[5, "label"] = None
    frame.to_csv(folder / "t.csv", index=False)
    options = {"epochs": "8"}
    return scan(folder / "t.csv", root=folder, label_column="label", overrides=options)


def test_the_same_policy_gives_the_same_verdicts(audited):
    again = judge(audited)
    old, new = audited.findings, again.findings
    for column in ("sample_id", "given_label", "suggested_label", "issue", "action", "loss", "detail", "trusted"):
        assert old[column].astype(str).tolist() == new[column].astype(str).tolist(), column
    known = old["clean_prob"].notna()
    assert known.tolist() == new["clean_prob"].notna().tolist()
    assert np.allclose(old["clean_prob"][known], new["clean_prob"][known], atol=2e-3)
    assert again.meta["results"]["noise_rate"] == pytest.approx(audited.meta["results"]["noise_rate"], abs=2e-3)


def test_a_lower_threshold_leaves_fewer_suspects_and_the_old_audit_as_it_was(audited):
    before = (audited.path / "audit.json").read_bytes(), audited.findings_path.read_bytes()
    strict = judge(audited, overrides={"policy.suspect_below": "0.05"})
    expected = (audited.findings["clean_prob"] < 0.05).sum()
    assert 0 < len(strict.suspects) - 1 < len(audited.suspects) - 1  # one row has no label
    assert len(strict.suspects) - 1 == pytest.approx(expected, abs=1)
    assert strict.meta["recipe"]["policy"]["suspect_below"] == 0.05
    assert strict.meta["judged_from"] == audited.path.name
    assert ((audited.path / "audit.json").read_bytes(), audited.findings_path.read_bytes()) == before
    assert find_audit(audited.home.parent).path == strict.path
    assert strict.findings["rank"].sort_values().tolist() == list(range(1, 241))


def test_decisions_of_people_are_taken_over(audited):
    audited.append_decision({"sample_id": "t.csv:3", "verdict": "ok"})
    again = judge(audited)
    assert json.loads((again.path / "decisions.jsonl").read_text())["verdict"] == "ok"


def test_a_classifier_that_learnt_from_the_old_suggestions_stays_in_the_old_audit(audited, tmp_path):
    shutil.copytree(audited.home.parent, tmp_path / "copy")
    old = find_audit(tmp_path / "copy")
    meta = json.loads((old.path / "audit.json").read_text())
    meta["results"]["finish"] = {"method": "elr+", "model": "finish/model", "labels": {}}
    (old.path / "audit.json").write_text(json.dumps(meta | {"finish": {"method": "elr+"}}))
    assert old.summary["finish"]["model"] == "finish/model"
    again = judge(old)
    assert again.summary["finish"] is None
    assert "finish" not in again.meta


@pytest.mark.parametrize("leans", [False, True])
def test_trusted_labels_test_only_methods_that_do_not_lean_on_them(audited, tmp_path, leans):
    shutil.copytree(audited.home.parent, tmp_path / "copy")
    old = find_audit(tmp_path / "copy")
    findings = pq.read_table(old.findings_path)
    place = findings.column_names.index("trusted")
    findings = findings.set_column(place, findings.field(place), pa.array(np.arange(len(findings)) < 40))
    pq.write_table(findings, old.findings_path)
    meta = json.loads((old.path / "audit.json").read_text())
    assert meta["leans_on_trusted"] is False  # panel
    (old.path / "audit.json").write_text(json.dumps(meta | {"leans_on_trusted": leans}))
    assert (judge(old).meta["results"]["trusted_check"] is None) == leans


def test_near_duplicates_are_taken_over(audited):
    old, new = (np.load(each.path / "near.npz") for each in (audited, judge(audited)))
    assert len(old["hashes"]) == 239  # one row has no label
    assert all(np.array_equal(old[name], new[name]) for name in ("hashes", "pairs", "alike"))


@pytest.fixture
def grown(audited, tmp_path):
    """Return the audit of the same table with twelve rows more, of which four have wrong labels."""
    shutil.copytree(audited.home.parent, tmp_path / "grown")
    table = pd.read_csv(tmp_path / "grown" / "t.csv", dtype=str)
    values = np.random.default_rng(5).normal(size=(12, 3)) * 0.3 + np.eye(3)[np.arange(12) % 3] * 4
    given = np.where(np.arange(12) < 4, np.arange(12) + 1, np.arange(12)) % 3
    more = pd.DataFrame(values, columns=list("abc")).assign(label=[f"c{number}" for number in given], trusted=False)
    pd.concat([table, more]).to_csv(tmp_path / "grown" / "t.csv", index=False)
    return update(find_audit(tmp_path / "grown").path, data=tmp_path / "grown" / "t.csv", device="cpu").audit


def test_an_update_is_judged_by_the_evidence_on_what_was_learnt_and_as_before_on_what_was_not(audited, grown):
    again = judge(grown)
    old, new = grown.findings, again.findings
    assert len(old) == 252
    for column in ("sample_id", "suggested_label", "issue", "action", "detail", "trusted"):
        assert old[column].astype(str).tolist() == new[column].astype(str).tolist(), column
    known = old["clean_prob"].notna()
    assert np.allclose(old["clean_prob"][known], new["clean_prob"][known], atol=2e-3)
    fresh = old["detail"] == "judged by networks that never saw this sample"
    assert (fresh.sum(), (old["action"][fresh] == "relabel").sum()) == (12, 4)
    assert old["clean_prob"][fresh].tolist() == new["clean_prob"][fresh].tolist()
    before, after = (audit.meta["results"] for audit in (grown, again))
    assert after["noise_rate"] == pytest.approx(before["noise_rate"], abs=2e-3)
    assert after["noise_interval"] == pytest.approx(before["noise_interval"], abs=2e-3)
    assert after["review"]["errors"] == pytest.approx(before["review"]["errors"], abs=0.5)
    assert after["noise_rate"] > audited.meta["results"]["noise_rate"]


def test_other_thresholds_hold_for_what_the_networks_never_saw(grown):
    fresh = grown.findings["detail"] == "judged by networks that never saw this sample"
    strict = judge(grown, overrides={"policy.suspect_below": "1e-9"})
    assert strict.findings["action"][fresh].tolist() == ["keep"] * 12
    unsure = judge(grown, overrides={"policy.suggest_above": "0.9999"})
    assert sorted(unsure.findings["action"][fresh])[-4:] == ["review"] * 4


def test_the_evidence_on_rows_that_are_gone_is_left_out(grown):
    data = grown.home.parent / "t.csv"
    pd.read_csv(data, dtype=str).drop(index=range(20, 50)).to_csv(data, index=False)
    smaller = update(grown.path, data=data, device="cpu").audit
    with np.load(grown.path / "evidence.npz") as before, np.load(smaller.path / "evidence.npz") as after:
        left = np.delete(np.arange(239), range(19, 49))  # row 5 had no label
        assert after["losses"].tolist() == before["losses"][left].tolist()
        assert after["against_taught_network"].tolist() == before["against_taught_network"][left].tolist()
    assert len(judge(smaller).findings) == 222


def test_a_judged_audit_grows_with_its_thresholds(audited, tmp_path):
    shutil.copytree(audited.home.parent, tmp_path / "copy")
    strict = judge(tmp_path / "copy", overrides={"policy.suspect_below": "1e-9"})
    data = tmp_path / "copy" / "t.csv"
    table = pd.read_csv(data, dtype=str)
    more = pd.DataFrame({"a": [4.0], "b": [0.0], "c": [0.0], "label": ["c1"], "trusted": [False]})
    pd.concat([table, more]).to_csv(data, index=False)
    found = update(strict.path, data=data, device="cpu").audit.findings.set_index("sample_id")
    assert found.loc["240", "suggested_label"] == "c0"
    assert found.loc["240", "action"] == "keep"


def test_a_setting_that_needs_training_is_refused(audited):
    with pytest.raises(ConfigError, match=r"'epochs' cannot be changed without training.\nOnly the policy can"):
        judge(audited, overrides={"epochs": "3"})


def test_a_threshold_out_of_range_is_refused_before_anything_is_written(audited):
    count = len(list(audited.path.parent.iterdir()))
    with pytest.raises(ConfigError, match=r"policy.suspect_below"):
        judge(audited, overrides={"policy.suspect_below": "1.5"})
    assert len(list(audited.path.parent.iterdir())) == count


@pytest.mark.parametrize("damage", ["missing", "cut off", "short"])
def test_evidence_that_cannot_be_used_is_told(audited, damage, tmp_path):
    copy = tmp_path / ".labelaudit" / "audits" / "a"
    shutil.copytree(audited.path, copy)
    file = copy / "evidence.npz"
    if damage == "missing":
        file.unlink()
    elif damage == "cut off":
        file.write_bytes(file.read_bytes()[:100])
    else:
        with np.load(file) as stored:
            np.savez(file, **{name: stored[name][:-1] for name in stored.files})
    expected = {
        "missing": "evidence.npz does not exist",
        "cut off": "evidence.npz is damaged",
        "short": "has evidence for 238 samples and findings for 239|judge_scores has the shape",
    }[damage]
    with pytest.raises(DataError, match=expected):
        judge(copy)
