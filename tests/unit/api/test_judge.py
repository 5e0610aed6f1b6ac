"""A finished audit under other thresholds."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from labelaudit.api.judge import judge
from labelaudit.api.scan import scan
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


def test_near_duplicates_are_taken_over(audited):
    old, new = (np.load(each.path / "near.npz") for each in (audited, judge(audited)))
    assert len(old["hashes"]) == 239  # one row has no label
    assert all(np.array_equal(old[name], new[name]) for name in ("hashes", "pairs", "alike"))


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
    file = copy / "verdicts.npz"
    if damage == "missing":
        file.unlink()
    elif damage == "cut off":
        file.write_bytes(file.read_bytes()[:100])
    else:
        with np.load(file) as stored:
            np.savez(file, **{name: stored[name][:-1] for name in stored.files})
    expected = {
        "missing": "verdicts.npz does not exist",
        "cut off": "verdicts.npz is damaged",
        "short": "has evidence for 238 samples and findings for 239",
    }[damage]
    with pytest.raises(DataError, match=expected):
        judge(copy)
